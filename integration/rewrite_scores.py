"""Which parts of a search body read scores, or make do without; pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from csplade.integration.rewrite_report import JsonObject

SCRIPT_READS = "a script reads the score"
LEAST_ASKED = "a lowest score is asked for"
_NO_LEAST = ("0", "0.0", "-0.0")
# Behind a dot it is the name of somebody's field.
_SCORE = re.compile(r"(?<![\w.])_score\b")
# What they score is looked at clause by clause.
_QUERIES = frozenset({"query", "rescore", "post_filter"})
# They look at the documents with the best scores only.
_SAMPLERS = frozenset({"sampler", "diversified_sampler"})


def mentions_score(value: object) -> bool:
    """Say whether something reads scores: by name, or by a stored script that nobody here can read."""
    return _reads_score([*_values_in(value)])


def scripted_by_score(value: object) -> bool:
    """Say whether a script anywhere in something reads scores, or may."""
    return any(mentions_score({"script": script}) for script in scripts_in(value))


def part_scripted_by_score(body: JsonObject) -> str | None:
    """Return the name of the part of a search body, beside its queries, that has such a script."""
    rest: dict[str, object] = {name: value for name, value in body.items() if name not in _QUERIES}
    rescorers = body.get("rescore")
    listed = rescorers if isinstance(rescorers, list) else [rescorers]
    rest["rescore"] = [each for each in listed if isinstance(each, Mapping) and "query" not in each]
    return next((name for name, value in rest.items() if scripted_by_score(value)), None)


def combined_by(body: JsonObject, name: str) -> object:
    """Return how scores are combined, as `boost_mode` or `score_mode` says; servers heed no case of letters there."""
    value = body.get(name)
    return value.lower() if isinstance(value, str) else value


def scripts_in(value: object) -> Iterator[object]:
    """Give every script: what has the name `script`, or one that ends so, as `map_script` and `_script` of a sort."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, Mapping):
            for name, inner in holder.items():
                if _is_script(name):
                    yield inner
                else:
                    waiting.append(inner)
        elif isinstance(holder, list):
            waiting += holder


def ranks_without_score(body: JsonObject) -> bool:
    """Say whether hits are sorted by something else, so that nobody sees their score."""
    sort = body.get("sort")
    if not sort or body.get("track_scores") not in (None, False, "false"):
        return False
    return not any(map(_orders_by_score, sort if isinstance(sort, list) else [sort]))


def least_asked(body: JsonObject) -> bool:
    """Say whether a body, or a clause, asks for a lowest score that leaves something out: no score is below 0."""
    value = body.get("min_score")
    return value is not None and str(value) not in _NO_LEAST


def asks_for_least(body: JsonObject) -> bool:
    """Say whether a search or a clause of its query asks for a lowest score, so that scores decide what counts."""
    clauses = (value for value in _values_in(body.get("query")) if isinstance(value, Mapping))
    return least_asked(body) or any(map(least_asked, clauses))


def shows_hits_by_score(aggregations: object) -> bool:
    """Say whether aggregations show the hits with the best scores."""
    holders = (value for value in _values_in(aggregations) if isinstance(value, Mapping))
    shown = (holder["top_hits"] for holder in holders if "top_hits" in holder)
    return any(isinstance(hits, Mapping) and not ranks_without_score(hits) for hits in shown)


def aggregates_by_score(aggregations: object) -> bool:
    """Say whether scores decide what aggregations count; top hits are hits, whose order is meant to change."""
    seen = [*_values_in(aggregations, without=("top_hits", "sort"))]
    sampled = any(isinstance(value, Mapping) and not _SAMPLERS.isdisjoint(value) for value in seen)
    return sampled or _reads_score(seen)


def strings_in(value: object) -> Iterator[str]:
    """Give every string of a JSON value, names included, however deep."""
    return _strings(_values_in(value))


def _orders_by_score(order: object) -> bool:
    """Say whether one of the orders of a sort is by score."""
    return order == "_score" or (isinstance(order, Mapping) and ("_score" in order or scripted_by_score(order)))


def _reads_score(values: Sequence[object]) -> bool:
    stored = any(
        _is_script(name) and _is_stored_script(script)
        for value in values
        if isinstance(value, Mapping)
        for name, script in value.items()
    )
    return stored or any(_SCORE.search(text) for text in _strings(values))


def _is_script(name: str) -> bool:
    return name == "script" or name.endswith("_script")


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
