"""Highlighting goes by the query, and nobody wants to see term weights marked: it is given the original; pure."""

from collections.abc import Mapping

from csplade.integration.rewrite_parts import with_items, with_part
from csplade.integration.rewrite_report import JsonObject

_AGGREGATIONS = ("aggs", "aggregations")
_DEEPEST = 50
"""Levels of aggregations that are looked through; clusters refuse as many."""


def highlight_original(holder: JsonObject, query: JsonObject) -> JsonObject:
    """Return a search body, or the options of inner hits, whose highlighting goes by `query` unless it has its own."""
    highlight = holder.get("highlight")
    if not isinstance(highlight, Mapping) or "highlight_query" in highlight:
        return holder
    return {**holder, "highlight": {**highlight, "highlight_query": _plain(query)}}


def highlight_everywhere(body: JsonObject, query: JsonObject) -> JsonObject:
    """Return a search body whose hits, collapsed hits and top hits of aggregations are highlighted by `query`."""
    body = highlight_original(body, query)
    collapse = body.get("collapse")
    if isinstance(collapse, Mapping):
        body = with_part(body, "collapse", highlight_inner_hits(collapse, query))
    for name in _AGGREGATIONS:
        if isinstance(body.get(name), Mapping):
            body = with_part(body, name, _each_top_hits(body[name], query))
    return body


def highlight_inner_hits(holder: JsonObject, query: JsonObject) -> JsonObject:
    """Return a holder of `inner_hits` (one or several) that are highlighted by `query`."""
    inner = holder.get("inner_hits")
    if isinstance(inner, Mapping):
        return with_part(holder, "inner_hits", highlight_original(inner, query))
    if isinstance(inner, list):
        new = [highlight_original(each, query) if isinstance(each, Mapping) else each for each in inner]
        return with_part(holder, "inner_hits", with_items(inner, new))
    return holder


def _each_top_hits(aggregations: JsonObject, query: JsonObject, depth: int = 0) -> JsonObject:
    """Return aggregations by name, with those below them."""
    if depth == _DEEPEST:
        return aggregations
    for name, aggregation in aggregations.items():
        if not isinstance(aggregation, Mapping):
            continue
        new = aggregation
        if isinstance(new.get("top_hits"), Mapping):
            new = with_part(new, "top_hits", highlight_original(new["top_hits"], query))
        for below in _AGGREGATIONS:
            if isinstance(new.get(below), Mapping):
                new = with_part(new, below, _each_top_hits(new[below], query, depth + 1))
        aggregations = with_part(aggregations, name, new)
    return aggregations


def _plain(query: JsonObject) -> JsonObject:
    """Return a query that may stand below another name; `hybrid` may only be the query of a whole search."""
    hybrid = query.get("hybrid")
    if not isinstance(hybrid, Mapping) or not isinstance(hybrid.get("queries"), list):
        return query
    return {"bool": {"should": hybrid["queries"]}}
