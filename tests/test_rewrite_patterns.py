"""Patterns of fields in a query, some of which are exact text under names that nobody could guess."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from csplade.integration.client import connect
from csplade.integration.field_map import Coverage, FieldMap
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import RewriteMode, RewriteOptions
from csplade.tests.rewrite_bodies import Json
from csplade.tests.rewrite_searches import Searched
from csplade.tests.word_encoder import word_vector

pytestmark = pytest.mark.cluster

FIELDS = FieldMap((Coverage("terms", {"title": 1.0, "body": 1.0, "body.*": 1.0}),), default_fields=("title", "b*"))
EXACT = "Stale bread, and why"
DOCUMENTS = {"exact": EXACT, "other": "Fresh bread", "words": "why a bread is stale"}
PATTERNS = ("body.v*", "body.*im", "body.verba*", "body.*_is", "body.*", "bod*", "*", "*erbatim", "body.a*s^2")


@pytest.fixture(scope="module")
def filled(opensearch: str) -> Iterator[Searched]:
    name, client = f"test-{uuid4().hex}", connect(opensearch)
    exact = {"verbatim": {"type": "keyword"}, "as_is": {"type": "keyword"}, "plain": {"type": "text"}}
    properties = {
        "title": {"type": "text"},
        "body": {"type": "text", "fields": exact},
        "terms": {"type": "rank_features"},
    }
    client.indices.create(index=name, body={"mappings": {"properties": properties}})
    for identity, text in DOCUMENTS.items():
        client.index(index=name, id=identity, body={"body": text, "title": "x", "terms": word_vector(text).weights})
    client.indices.refresh(index=name)
    yield Searched(client, name)
    client.indices.delete(index=name)


def clauses(*patterns: str) -> list[Json]:
    """Return the clauses in which fields may be patterns."""
    quoted = f'"{EXACT}"'
    fields = {"fields": [*patterns]}
    return [
        *({"multi_match": {"query": EXACT, "type": kind, **fields}} for kind in ("best_fields", "most_fields")),
        {"query_string": {"query": EXACT, **fields}},
        {"query_string": {"query": quoted, **fields}},
        {"simple_query_string": {"query": EXACT, **fields}},
        {"simple_query_string": {"query": quoted, **fields}},
    ]


def found(filled: Searched, query: Json) -> dict[str, float]:
    return {hit["_id"]: hit["_score"] for hit in filled.search({"query": query})["hits"]["hits"]}


@pytest.mark.parametrize("mode", list(RewriteMode))
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_alone_finds_what_it_found(filled: Searched, pattern: str, mode: RewriteMode) -> None:
    queries = [*clauses(pattern)]
    if "^" not in pattern:
        queries.append({"query_string": {"query": EXACT, "default_field": pattern}})
    for query in queries:
        done = rewrite({"query": query}, FIELDS, word_vector, RewriteOptions(mode))
        assert done.body == {"query": query}
    assert "exact" in found(filled, queries[0])


def test_what_matches_exactly_is_told_from_what_has_the_words(filled: Searched) -> None:
    query = clauses("body.*im")[0]
    assert {*found(filled, query)} == {"exact"}
    assert {*found(filled, clauses("body")[0])} == {*DOCUMENTS}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_beside_a_text_a_pattern_goes_on_finding_what_it_does(filled: Searched, pattern: str) -> None:
    for query in clauses("title", pattern):
        done = rewrite({"query": query}, FIELDS, word_vector, RewriteOptions())
        assert done.changes
        # The pattern alone found these, and does so now; the weights find others besides.
        assert found(filled, query).keys() <= found(filled, done.body["query"]).keys()
        assert pattern.split("^")[0] in str(done.body["query"])


def test_a_pattern_among_the_default_fields_is_none_of_the_texts() -> None:
    done = rewrite({"query": {"query_string": {"query": EXACT}}}, FIELDS, word_vector, RewriteOptions())
    assert "'fields': ['b*']" in str(done.body)
