"""A hit as a person sees it: a bar for each term that met, in the colour of where it comes from, then the other terms.

Colours come where the output is a terminal; elsewhere the same table stands without.
"""

from typing import TYPE_CHECKING

from csplade.commands.explanations import contribution_row, weight_text
from csplade.commands.output import print_table
from csplade.integration.explain import Contribution, Origin
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.vocab import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csplade.integration.search import Hit
    from rich.text import Text

_COLOURS = {Origin.SPARSE: "cyan", Origin.BM25: "yellow", Origin.OTHER: "magenta"}
_BAR = 20
_COLUMNS = ("", "share", "term", "from", "query", "document", "adds")


def print_hit(hit: "Hit", lacking: SparseVector | None, limit: int | None) -> None:
    """Print what a hit's score is made of, and the query's terms that it lacks, if known; `limit` of each at most."""
    rows = parts_rows(hit.contributions or (), hit.score, limit)
    rows += _lacking(lacking or SparseVector(), limit)
    text = ": ".join(filter(None, (hit.title, hit.snippet)))
    print_table(f"{hit.rank}. {hit.id}: score {hit.score:.4f}. {text}", _COLUMNS, rows)


def print_parts(title: str, parts: "Sequence[Contribution]", score: float, limit: int | None) -> None:
    """Print what a score is made of."""
    print_table(title, _COLUMNS, parts_rows(parts, score, limit))


def parts_rows(parts: "Sequence[Contribution]", score: float, limit: int | None) -> list[tuple[object, ...]]:
    """Return a row for each of the first parts, and one for the others together."""
    first, rest = parts[:limit], parts[len(parts[:limit]) :]
    rows = [_part_row(part, score) for part in first]
    if rest:
        value = sum(part.value for part in rest)
        percent = 100 * value / score if score else 0.0
        rows.append(("", f"{percent:.1f}%", f"({len(rest)} more)", "", "", "", f"{value:.4f}"))
    return rows


def _part_row(part: Contribution, score: float) -> tuple[object, ...]:
    term, origin, query, document, value, share = contribution_row(part, score)
    colour = _COLOURS[part.origin]
    bar = "█" * max(1, round(_BAR * part.percent(score) / 100))
    return _styled(bar, colour), share, _styled(str(term), f"bold {colour}"), origin, query, document, f"{value:.4f}"


def _lacking(terms: SparseVector, limit: int | None) -> list[tuple[object, ...]]:
    weights = list(terms)
    first, rest = weights[:limit], weights[len(weights[:limit]) :]
    rows: list[tuple[object, ...]] = [
        ("", "", _styled(readable(key), "dim"), _styled("not in it", "dim"), weight_text(weight), "", "")
        for key, weight in first
    ]
    if rest:
        rows.append(("", "", f"({len(rest)} more)", _styled("not in it", "dim"), "", "", ""))
    return rows


def _styled(text: str, style: str) -> "Text":
    from rich.text import Text

    return Text(text, style)
