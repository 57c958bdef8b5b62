"""One search and the cluster's answer to it, as the page of comparisons shows them; pure.

{"mode": text, "body": object, "rewriting_ms": number, "decisions": [{"path", "clause", "outcome", "policy",
 "reason"}, ...], "ms": number, "took": number, "total": {"value", "relation"} or null, "hits": [{"id", "index",
 "score", "title", "snippet", "parts": [{"term", "from", "value", "query", "document"}, ...],
 "weights": [[term, weight], ...]}, ...]}                 or, if the cluster does not run it, "error": text instead
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from csplade.integration.explain import contributions
from csplade.integration.field_map import FieldMap
from csplade.integration.rewrite_config import IndexRules
from csplade.integration.rewrite_report import Decision, JsonObject
from csplade.integration.snippet import best_snippet, one_line
from csplade.integration.stored_weights import source_with, weights_of
from csplade.pipelines.vocab import readable

Json = dict[str, Any]  # Any: JSON values

_MOST_HITS, _USUAL_HITS = 20, 10
_MOST_PARTS, _MOST_WEIGHTS = 32, 24
_SNIPPET_WIDTH, _LONGEST_TITLE = 240, 200
# What takes time, or room, and is not shown.
_NOT_SHOWN = ("aggs", "aggregations", "suggest", "highlight", "profile", "fields", "docvalue_fields", "stored_fields")


@dataclass(frozen=True)
class Prepared:
    """A search that is ready to be sent."""

    mode: str
    body: JsonObject
    decisions: tuple[Decision, ...] = ()
    seconds: float = 0.0
    """For rewriting it, its vectors not counted."""

    def described(self) -> Json:
        """Return what is shown of it."""
        decisions = [asdict(decision) for decision in self.decisions]
        return {"mode": self.mode, "body": self.body, "rewriting_ms": self.seconds * 1000, "decisions": decisions}


def text_fields(field_map: FieldMap) -> list[str]:
    """Return the fields of whole documents whose text has weights, patterns left out."""
    texts = [name for coverage in field_map.coverages if coverage.nested is None for name in coverage.texts]
    return list(dict.fromkeys(name for name in texts if "*" not in name))


def shown_body(body: JsonObject, rules: IndexRules | None) -> Json:
    """Return the same search, of few hits, with all that is shown of them."""
    kept = {name: value for name, value in body.items() if name not in _NOT_SHOWN}
    size = body.get("size", _USUAL_HITS)
    asked: Json = {**kept, "size": min(size, _MOST_HITS) if type(size) is int else size, "explain": True}
    if rules is not None:
        fields = [*text_fields(rules.field_map), *_weights_fields(rules.field_map)]
        asked["_source"] = source_with(fields, rules.options.dialect)
    return asked


def ranking(timed: JsonObject, shown: JsonObject, rules: IndexRules | None, marks: Mapping[str, float]) -> Json:
    """Return what is shown of two answers to the same search; `marks` are what snippets should show, with weights."""
    field_map = FieldMap() if rules is None else rules.field_map
    hits = [_hit(found, field_map, marks) for found in shown["hits"]["hits"]]
    return {"took": timed["took"], "total": timed["hits"].get("total"), "hits": hits}


def told_error(status: int, answer: object) -> str:
    """Return in one sentence why the cluster does not run a search."""
    error = answer.get("error") if isinstance(answer, Mapping) else None
    causes = error.get("root_cause") if isinstance(error, Mapping) else None
    first = causes[0] if isinstance(causes, list) and causes else error
    reason = first.get("reason") if isinstance(first, Mapping) else first
    return f"the cluster answers {status}" + (f": {reason}" if isinstance(reason, str) else "")


def _hit(found: Mapping[str, Any], field_map: FieldMap, marks: Mapping[str, float]) -> Json:  # Any: a JSON object
    source = found.get("_source") or {}
    texts = [text for name in text_fields(field_map) if (text := _text_at(source, name))]
    title, rest = (texts[0], texts[1:]) if len(texts) > 1 else ("", texts)
    parts = contributions(found["_explanation"])[:_MOST_PARTS] if "_explanation" in found else ()
    return {
        "id": found["_id"],
        "index": found["_index"],
        "score": found["_score"],
        "title": one_line(title)[:_LONGEST_TITLE],
        "snippet": best_snippet(" ".join(rest), marks, _SNIPPET_WIDTH),
        "parts": [
            {
                "term": part.term,
                "from": part.origin.value,
                "value": part.value,
                "query": part.query_weight,
                "document": part.document_weight,
            }
            for part in parts
        ],
        "weights": _weights(source, field_map),
    }


def _weights(source: Mapping[str, Any], field_map: FieldMap) -> list[tuple[str, float]]:  # Any: a JSON object
    fields = _weights_fields(field_map)
    vectors = {field: weights_of(source, field).heaviest(_MOST_WEIGHTS) for field in fields}
    named = [
        (readable(key) if field == fields[0] else f"{field}:{readable(key)}", weight)
        for field, vector in vectors.items()
        for key, weight in vector
    ]
    return sorted(named, key=lambda pair: (-pair[1], pair[0]))[:_MOST_WEIGHTS]


def _weights_fields(field_map: FieldMap) -> list[str]:
    return list(dict.fromkeys(coverage.weights for coverage in field_map.coverages if coverage.nested is None))


def _text_at(source: Mapping[str, Any], field: str) -> str:  # Any: a JSON object
    held: object = source.get(field)
    if held is None:
        held = source
        for step in field.split("."):
            held = held.get(step) if isinstance(held, Mapping) else None
    texts = held if isinstance(held, list) else [held]
    return " ".join(text for text in texts if isinstance(text, str))
