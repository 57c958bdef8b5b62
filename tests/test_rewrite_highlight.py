"""Highlighting by the original query: of hits, collapsed hits, inner hits and top hits."""

from typing import Any

import pytest
from csplade.integration.rewrite_highlight import highlight_everywhere, highlight_inner_hits, highlight_original

QUERY = {"match": {"text": "bread"}}
FIELDS: dict[str, Any] = {"fields": {"text": {}}}  # Any: a JSON object
MARKED = {**FIELDS, "highlight_query": QUERY}


def test_hits() -> None:
    assert highlight_original({"size": 1, "highlight": FIELDS}, QUERY) == {"size": 1, "highlight": MARKED}


def test_a_query_of_its_own_stays() -> None:
    body = {"highlight": {**FIELDS, "highlight_query": {"match_all": {}}}}
    assert highlight_original(body, QUERY) is body


@pytest.mark.parametrize("body", [{}, {"highlight": None}, {"aggs": []}, {"collapse": 1}, {"aggs": {"a": 1}}])
def test_what_is_not_highlighted_stays_the_same_object(body: dict[str, object]) -> None:
    assert highlight_everywhere(body, QUERY) is body


def test_collapsed_hits() -> None:
    body = {"collapse": {"field": "lang", "inner_hits": [{"name": "a", "highlight": FIELDS}, {"name": "b"}]}}
    wanted = {"collapse": {"field": "lang", "inner_hits": [{"name": "a", "highlight": MARKED}, {"name": "b"}]}}
    assert highlight_everywhere(body, QUERY) == wanted


def test_top_hits_at_any_depth() -> None:
    def aggregations(highlight: object) -> dict[str, object]:
        best = {"best": {"top_hits": {"highlight": highlight}}}
        return {"aggs": {"langs": {"terms": {"field": "lang"}, "aggregations": {"years": {"aggs": best}}}}}

    assert highlight_everywhere(aggregations(FIELDS), QUERY) == aggregations(MARKED)


def test_aggregations_deeper_than_any_cluster_takes_stay() -> None:
    deep: dict[str, Any] = {"best": {"top_hits": {"highlight": FIELDS}}}  # Any: a JSON object
    for _ in range(5000):
        deep = {"a": {"aggs": deep}}
    body = {"aggs": deep}
    assert highlight_everywhere(body, QUERY) is body


def test_inner_hits_of_a_query() -> None:
    assert highlight_inner_hits({"inner_hits": {"highlight": FIELDS}}, QUERY) == {"inner_hits": {"highlight": MARKED}}
    plain: dict[str, Any] = {"inner_hits": {}}  # Any: a JSON object
    assert highlight_inner_hits(plain, QUERY) is plain


def test_a_hybrid_query_is_taken_apart() -> None:
    found = highlight_original({"highlight": FIELDS}, {"hybrid": {"queries": [QUERY]}})
    assert found["highlight"]["highlight_query"] == {"bool": {"should": [QUERY]}}
