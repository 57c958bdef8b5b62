"""A line of training data: one JSON object in, a query with its documents and their scores out, or why there is none.

`anchor` may stand for `query`, other fields are passed over, null is as good as absent:

    {"query": text, "positive": text}                               a pair
    {"query": text, "positive": text, "negative": text}             a triple; or "negatives": [text, ...]
    {"query": text, "documents": [text, ...], "scores": [...]}      a scored list: the best document is the positive
    {..., "scores": [...]}                                          a pair or triple with a teacher's scores
"""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from csplade.pipelines.errors import SourceError
from csplade.pipelines.jsonl import Record, Unreadable, kind

FORM = '{"query": "keep bread fresh", "positive": "Bread stays fresh in a linen bag."}'
"""What messages show as an example."""

_QUERY_FIELDS = ("query", "anchor")
# Which fields say the same; a line with two of them does not tell which of the two is meant.
_EITHER = (("positive", "documents"), ("negative", "negatives"), ("negative", "documents"), ("negatives", "documents"))


class LineError(SourceError):
    """A line is no example; the text continues a sentence that begins with the line's place."""


class Texts(NamedTuple):
    """What a line holds."""

    query: str
    documents: tuple[str, ...]
    """The positive first."""
    scores: tuple[float, ...] | None
    """One per document."""


def parse_texts(found: Record | Unreadable) -> Texts:
    """Return what a line holds.

    Raises:
        LineError: it holds no example.
    """
    if isinstance(found, Record):
        return _texts(found.value)
    _check_finite(found.raw)
    raise LineError(f"{found.reason}: correct the line")


def text_at(place: str, value: object) -> str:
    """Return the value, which stands at `place` of a record, as a text that is not empty.

    Raises:
        LineError: it is none.
    """
    if not isinstance(value, str):
        raise LineError(f"has {kind(value)} in {place} where text belongs: make it a string")
    if not value.strip():
        raise LineError(f"has an empty text in {place}: fill it or delete the line")
    return value


def _check_finite(raw: str) -> None:
    """Tell of a score of NaN or Infinity by its place; Python programs write them, JSON knows neither."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return
    scores = value.get("scores") if isinstance(value, dict) else None
    for place, score in enumerate(scores if isinstance(scores, list) else [], start=1):
        _score(score, place)


def _texts(value: Mapping[str, Any]) -> Texts:  # Any: a JSON value
    _check_choice(value)
    query, documents = _query(value), _documents(value)
    scores = _scores(value, len(documents))
    if value.get("positive") is not None:
        return Texts(query, documents, scores)
    if scores is None:
        raise LineError("has 'documents' without 'scores', so that none is the positive: add a score for each")
    best = scores.index(max(scores))
    order = (best, *(place for place in range(len(scores)) if place != best))
    return Texts(query, tuple(documents[place] for place in order), tuple(scores[place] for place in order))


def _check_choice(value: Mapping[str, Any]) -> None:  # Any: a JSON value
    for one, other in _EITHER:
        if value.get(one) is not None and value.get(other) is not None:
            raise LineError(f"has both {one!r} and {other!r}: leave one of them out")


def _query(value: Mapping[str, Any]) -> str:  # Any: a JSON value
    field = next((name for name in _QUERY_FIELDS if value.get(name) is not None), None)
    if field is None:
        raise LineError(f"has no query: write it like {FORM}")
    return text_at(f"the field {field!r}", value[field])


def _documents(value: Mapping[str, Any]) -> tuple[str, ...]:  # Any: a JSON value
    if value.get("documents") is not None:
        documents = _list(value, "documents")
        if not documents:
            raise LineError("has no document in the field 'documents': list at least one with its score")
        return documents
    if value.get("positive") is None:
        raise LineError(f"has no positive: write it like {FORM}")
    positive = text_at("the field 'positive'", value["positive"])
    if value.get("negative") is not None:
        return positive, text_at("the field 'negative'", value["negative"])
    return positive, *_list(value, "negatives")


def _list(value: Mapping[str, Any], name: str) -> tuple[str, ...]:  # Any: a JSON value
    texts = value.get(name)
    if texts is None:
        return ()
    if not isinstance(texts, list):
        raise LineError(f"has {kind(texts)} in the field {name!r} where a list belongs: write texts in brackets")
    return tuple(text_at(f"place {place} of the field {name!r}", text) for place, text in enumerate(texts, start=1))


def _scores(value: Mapping[str, Any], documents: int) -> tuple[float, ...] | None:  # Any: a JSON value
    scores = value.get("scores")
    if scores is None:
        return None
    if not isinstance(scores, list):
        raise LineError(f"has {kind(scores)} in the field 'scores' where a list belongs: write numbers in brackets")
    if len(scores) != documents:
        raise LineError(f"has {len(scores)} scores for {documents} documents: give each one, in the order of documents")
    return tuple(_score(score, place) for place, score in enumerate(scores, start=1))


def _score(value: object, place: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LineError(f"has {kind(value)} in place {place} of the field 'scores': make it a number")
    if not math.isfinite(value):
        raise LineError(f"has {value} in place {place} of the field 'scores', which is not finite: score it again")
    return float(value)
