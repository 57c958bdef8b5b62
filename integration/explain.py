"""The server's explanation of a score comes in, the terms that met go out; pure.

The explanation is the only place where the stored weights, cut to 9 significant bits, can be seen: contributions read
from it sum up to the score, those computed from the document's `_source` only nearly.
"""

import enum
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from csplade.integration.templates import PASSAGE_WEIGHTS, TEXT_FIELD, WEIGHTS_FIELD
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.vocab import readable

# Term keys hold no white space.
_TERM = re.compile(r"Linear function on the (\S+) field for the (\S+) feature, ")
_WORD = re.compile(r"weight\((.+) in \d+\) ")
# Several words may stand together, as in Synonym(text:bread text:loaf); other fields' names may end like this one.
_IN_TEXT = re.compile(rf"(?<![^\s(\[]){TEXT_FIELD}:")
_SUM = "sum of:"
# Of several fields the best one alone counts.
_BEST = "max of:"
# Of the best passage, which alone is explained.
_PASSAGE = "Score based on "
# A score of two phases: each comes with its weight, which is always 1.
_PHASE, _PHASES = "product of:", ("primaryWeight", "secondaryWeight")


class Origin(enum.StrEnum):
    """Where a part of a score comes from."""

    SPARSE = "sparse"
    BM25 = "bm25"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Contribution:
    """One term that query and document share, and what it adds to the score."""

    term: str
    """As a person would write it; BM25's terms are those of the index's analyzer."""
    origin: Origin
    value: float
    query_weight: float | None = None
    """For BM25 boost times idf."""
    document_weight: float | None = None
    """For BM25 the saturated term frequency. Both are None if the server does not tell."""

    def percent(self, score: float) -> float:
        """Return the contribution in percent of the hit's score."""
        return 100 * self.value / score if score else 0.0


def contributions(explanation: Mapping[str, Any]) -> tuple[Contribution, ...]:  # Any: a JSON object
    """Return what adds up to a score, the largest part first."""
    return tuple(sorted(_parts(explanation), key=lambda part: (-part.value, part.origin, part.term)))


def unmet(
    vector: SparseVector, parts: Iterable[Contribution], fields: Sequence[str] = (WEIGHTS_FIELD,)
) -> SparseVector:
    """Return the terms of a query that are in none of the fields of a document whose score has these parts."""
    met = {part.term for part in parts if part.origin is Origin.SPARSE}
    names = {key: {shown_term(field, key) for field in fields} for key, _ in vector}
    return SparseVector({key: weight for key, weight in vector if not names[key] & met})


def _parts(node: Mapping[str, Any]) -> Iterator[Contribution]:  # Any: a JSON object
    description, value = str(node["description"]), float(node["value"])
    if value == 0:
        # Filters are explained too, with 0, and what only finds documents that others score.
        return
    if description == _SUM:
        for detail in node["details"]:
            yield from _parts(detail)
    elif description == _BEST:
        yield from _parts(max(node["details"], key=lambda detail: float(detail["value"])))
    elif _stands_for_first(description, node["details"]):
        yield from _parts(node["details"][0])
    else:
        yield _part(description, value, node["details"])


def _stands_for_first(description: str, details: Sequence[Mapping[str, Any]]) -> bool:  # Any: JSON objects
    """Say whether a part of a score is the same as the first of its details."""
    if description == _PHASE:
        return details[-1]["description"] in _PHASES
    return description.startswith(_PASSAGE) and bool(details)


def _part(description: str, value: float, details: Sequence[Mapping[str, Any]]) -> Contribution:  # Any: JSON objects
    if found := _TERM.match(description):
        named = _named(details)
        return Contribution(shown_term(found[1], found[2]), Origin.SPARSE, value, named.get("w"), named.get("S"))
    if found := _WORD.match(description):
        factors = _named(details[0]["details"]) if details else {}
        document = factors.pop("tf", None)
        # A boost of 1 is left out, and then idf may be the only factor.
        query = math.prod(factors.values()) if "idf" in factors else None
        return Contribution(_IN_TEXT.sub("", found[1]), Origin.BM25, value, query, document)
    return Contribution(description.rstrip(":"), Origin.OTHER, value)


def shown_term(field: str, key: str) -> str:
    """Return a term of a field as contributions call it."""
    return readable(key) if field in (WEIGHTS_FIELD, PASSAGE_WEIGHTS) else f"{field}:{readable(key)}"


def _named(details: Sequence[Mapping[str, Any]]) -> dict[str, float]:  # Any: JSON objects
    """Return values by the name with which their description begins, as in "idf, computed as"."""
    return {str(detail["description"]).partition(",")[0]: float(detail["value"]) for detail in details}
