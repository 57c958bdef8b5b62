"""How many clauses a query costs, and what is left for vectors."""

import pytest
from csplade.integration.planner import PlanOptions
from csplade.integration.rewrite_budget import clauses_of, narrowed

TERM = {"term": {"lang": "en"}}
MATCH = {"match": {"text": "two words"}}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (None, 0),
        (TERM, 1),
        ({"terms": {"lang": ["en", "de", "fr"]}}, 1),
        (MATCH, 2),
        ({"match": {"text": {"query": "now three words", "operator": "and"}}}, 3),
        ({"multi_match": {"query": "two words", "fields": ["title", "text", "note"]}}, 6),
        ({"multi_match": {"query": "two words"}}, 4),
        ({"query_string": {"query": "two words", "default_field": "text"}}, 4),
        ({"bool": {"must": [MATCH, TERM], "filter": TERM, "should": [{"dis_max": {"queries": [MATCH, MATCH]}}]}}, 8),
        ({"nested": {"path": "p", "query": MATCH}}, 2),
        ([MATCH, {"query": {"rescore_query": MATCH}}], 4),
        ({"match": "no object"}, 0),
    ],
)
def test_each_word_in_each_field_is_a_clause(query: object, count: int) -> None:
    assert clauses_of(query, default_fields=2) == count


def test_vectors_share_what_is_left() -> None:
    assert narrowed(PlanOptions(), limit=1024, vectors=4, reserved=24).max_clauses == 250
    assert narrowed(PlanOptions(max_clauses=100), limit=1024, vectors=4, reserved=24).max_clauses == 100
    assert narrowed(PlanOptions(share=0.5), limit=1024, vectors=3, reserved=2000) == PlanOptions(
        max_clauses=1, share=0.5
    )
