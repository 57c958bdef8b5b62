"""What a request says of `_source`, with fields added to those that it excludes, in forms that need no server."""

from typing import Any

import pytest
from csplade.integration.gateway_params import Params
from csplade.integration.gateway_source import hide_in_body, hide_in_params, hide_in_search

Json = dict[str, Any]  # Any: JSON values
FIELDS = ("terms", "p.terms")


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (True, {"excludes": ["terms", "p.terms"]}),
        (False, False),
        ([], {"excludes": ["terms", "p.terms"]}),
        ("*", {"includes": ["*"], "excludes": ["terms", "p.terms"]}),
        (["title", "te*"], {"includes": ["title", "te*"], "excludes": ["terms"]}),
        (["p"], {"includes": ["p"], "excludes": ["p.terms"]}),
        (["p.*"], {"includes": ["p.*"], "excludes": ["p.terms"]}),
        (["terms", "*"], {"includes": ["terms", "*"], "excludes": ["p.terms"]}),
        (["terms.a", "title"], ["terms.a", "title"]),
        ("title", "title"),
        ({"include": "*", "exclude": "a"}, {"include": "*", "exclude": ["a", "terms", "p.terms"]}),
        ({"excludes": ["a"]}, {"excludes": ["a", "terms", "p.terms"]}),
        ({"exclude_vectors": False}, {"exclude_vectors": False}),
        (None, None),
        (7, 7),
        ({"includes": 7}, {"includes": 7}),
    ],
)
def test_filters_of_a_body(asked: object, sent: object) -> None:
    body = {"query": {"match_all": {}}, "_source": asked}
    assert hide_in_body(body, FIELDS).body == {**body, "_source": sent}


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (b"size=1", b"size=1&_source_excludes=terms,p.terms"),
        (b"_source=title", b"_source=title"),
        (b"_source=t*,p&_source_excludes=a%20b", b"_source=t*,p&_source_excludes=a%20b,terms,p.terms"),
        (b"_source_includes=terms", b"_source_includes=terms"),
        (b"_source=false", b"_source=false"),
        (b"stored_fields=a", b"stored_fields=a"),
        (b"stored_fields=a,_source", b"stored_fields=a,_source&_source_excludes=terms,p.terms"),
    ],
)
def test_filters_of_an_address(asked: bytes, sent: bytes) -> None:
    assert hide_in_params(Params.read(asked), FIELDS).written() == sent


def test_fields_that_are_called_as_parts_of_a_body_are_left_alone() -> None:
    body: Json = {
        "query": {"bool": {"must": [{"term": {"inner_hits": "a"}}, {"match": {"nested": {"query": "inner_hits"}}}]}},
        "aggs": {"top_hits": {"terms": {"field": "top_hits"}}, "aggs": {"filter": {"term": {"top_hits": "a"}}}},
    }
    found = hide_in_search(body, Params(()), FIELDS)
    assert found.body is body
    assert found.params.written() == b"_source_excludes=terms,p.terms"


def test_hits_inside_of_hits_at_any_depth() -> None:
    nested = {"nested": {"path": "p", "query": {"match_all": {}}, "inner_hits": {"_source": False}}}
    deep = {"has_child": {"type": "c", "query": {"bool": {"must": [nested]}}, "inner_hits": {"fields": ["te*"]}}}
    found = hide_in_search({"query": {"bool": {"should": [deep]}}}, Params(()), FIELDS)
    (clause,) = found.body["query"]["bool"]["should"]
    assert clause["has_child"]["inner_hits"]["_source"] == {"excludes": [*FIELDS]}
    assert clause["has_child"]["query"]["bool"]["must"][0] == nested
    assert found.shown
