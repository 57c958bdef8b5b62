"""Which parts of a search body read scores, or make do without; pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from csplade.integration.rewrite_report import JsonObject

_SCORE = re.compile(r"\b_score\b")
# They look at the documents with the best scores only.
_SAMPLERS = frozenset({"sampler", "diversified_sampler"})


def mentions_score(value: object) -> bool:
    """Say whether something reads scores: by name, or by a stored script that nobody here can read."""
    return _reads_score([*_values_in(value)])


def ranks_without_score(body: JsonObject) -> bool:
    """Say whether hits are sorted by something else, so that nobody sees their score."""
    sort = body.get("sort")
    if not sort or body.get("track_scores") not in (None, False):
        return False
    return not mentions_score(sort)


def aggregates_by_score(aggregations: object) -> bool:
    """Say whether scores decide what aggregations count; top hits are hits, whose order is meant to change."""
    seen = [*_values_in(aggregations, without=("top_hits", "sort"))]
    sampled = any(isinstance(value, Mapping) and not _SAMPLERS.isdisjoint(value) for value in seen)
    return sampled or _reads_score(seen)


def strings_in(value: object) -> Iterator[str]:
    """Give every string of a JSON value, names included, however deep."""
    return _strings(_values_in(value))


def _reads_score(values: Sequence[object]) -> bool:
    stored = any(isinstance(value, Mapping) and _is_stored_script(value.get("script")) for value in values)
    return stored or any(_SCORE.search(text) for text in _strings(values))


def _is_stored_script(script: object) -> bool:
    return isinstance(script, Mapping) and "id" in script


def _strings(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from value


def _values_in(value: object, without: tuple[str, str] | None = None) -> Iterator[object]:
    """Give the value and all below it; `without`: not what has the second name in an object that has the first."""
    waiting: list[tuple[str, object]] = [("", value)]
    while waiting:
        name, inner = waiting.pop()
        yield inner
        if isinstance(inner, Mapping):
            waiting += (pair for pair in inner.items() if (name, pair[0]) != without)
        elif isinstance(inner, list):
            waiting += (("", each) for each in inner)
