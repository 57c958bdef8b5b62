"""How many clauses a query costs the cluster, and how many terms each vector may have beside them; pure."""

import re
from collections.abc import Mapping
from dataclasses import replace

from csplade.integration.planner import PlanOptions

_WORD = re.compile(r"\w+")
FIELD_KINDS = frozenset({"match", "match_bool_prefix", "match_phrase", "match_phrase_prefix"})
"""Clauses that hold the name of one field, and below it what is asked."""
TEXT_KINDS = FIELD_KINDS | {"query_string", "simple_query_string", "multi_match", "combined_fields"}
"""All clauses that hold text to look for."""

# What holds further clauses costs none itself.
_HOLDERS = frozenset(
    {
        *("bool", "must", "should", "filter", "must_not", "dis_max", "queries", "boosting", "positive", "negative"),
        *("constant_score", "function_score", "functions", "script_score", "query", "nested", "has_child"),
        *("has_parent", "hybrid", "rescore_query"),
    }
)


def clauses_of(query: object, default_fields: int) -> int:
    """Return about how many clauses a query has: each word of a text in each field, and every other leaf, is one."""
    count, waiting = 0, [query]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, Mapping):
            for name, inner in value.items():
                if name in TEXT_KINDS:
                    count += _words(inner, default_fields)
                elif name in _HOLDERS:
                    waiting.append(inner)
                elif isinstance(inner, Mapping):
                    count += 1
    return count


def narrowed(options: PlanOptions, limit: int, vectors: int, reserved: int) -> PlanOptions:
    """Return how much of each vector may be sent where `limit` clauses are all, `reserved` of them for others."""
    room = (limit - reserved) // vectors
    return replace(options, max_clauses=max(1, min(options.max_clauses, room)))


def _words(body: object, default_fields: int) -> int:
    if not isinstance(body, Mapping):
        return 0
    fields = body.get("fields")
    if isinstance(fields, list):
        return len(fields) * _count(body.get("query"))
    if "query" in body:
        return max(1, default_fields) * _count(body["query"])
    return sum(_count(values.get("query") if isinstance(values, Mapping) else values) for values in body.values())


def _count(text: object) -> int:
    return len(_WORD.findall(text)) if isinstance(text, str) else 1
