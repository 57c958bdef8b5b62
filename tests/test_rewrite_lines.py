"""Rewritten searches on every line of servers: taken where their originals are, and anchored to what BM25 finds."""

from dataclasses import replace

import pytest
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import RewriteMode, RewriteOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.rewrite_case import match
from csplade.tests.rewrite_cases import CASES
from csplade.tests.rewrite_index import FIELD_MAP, fill_index, mapping, stored_weights
from csplade.tests.rewrite_searches import EVERYTHING, Searched, compare_anchored
from csplade.tests.test_rewrite import options_of
from csplade.tests.word_encoder import word_vector

pytestmark = pytest.mark.cluster

_DOCUMENTS = 120


@pytest.fixture
def searched(line: ClusterLine) -> Searched:
    nodes = line.client.nodes.info()["nodes"].values()
    joins = all("parent-join" in {module["name"] for module in node["modules"]} for node in nodes)
    fill_index(line.client, line.index, _DOCUMENTS, mapping(line.dialect.field_type, line.analyzer, joins))
    return Searched(line.client, line.index, line.dialect)


def test_a_simple_query_string_adds_up_what_its_fields_score(searched: Searched) -> None:
    def scored(*fields: str) -> dict[str, float]:
        query = {"simple_query_string": {"query": "bread oven", "fields": [*fields]}}
        hits = searched.search({"query": query, "size": EVERYTHING})["hits"]["hits"]
        return {hit["_id"]: hit["_score"] for hit in hits}

    title, text = scored("title^3"), scored("text")
    both = {name: title.get(name, 0.0) + text.get(name, 0.0) for name in title.keys() | text.keys()}
    assert len(title.keys() & text.keys()) > 5
    assert scored("title^3", "text") == pytest.approx(both, rel=1e-4)


def test_what_is_rewritten_is_taken_scored_and_anchored(searched: Searched) -> None:
    taken = [case for case in CASES if searched.takes(case.body)]
    # The oldest lines do not know what a fifth of them asks.
    assert len(taken) > 0.75 * len(CASES)
    for mode in RewriteMode:
        for case in taken:
            options = replace(options_of(case), mode=mode, dialect=searched.dialect)
            searched.search(rewrite(case.body, FIELD_MAP, word_vector, options).body)
    query = match("fresh bread", boost=2, _name="q")
    options = RewriteOptions(dialect=searched.dialect)
    sent = rewrite({"query": query, "size": EVERYTHING}, FIELD_MAP, word_vector, options).body
    hits = searched.search(sent)["hits"]["hits"]
    assert len(hits) > 30
    assert all(hit["matched_queries"] == ["q"] for hit in hits)
    # Letters times count on both sides, and the boost; stored weights have 9 significant bits, which is enough here.
    wanted = {
        name: 10.0 * (found.get("fresh", 0) + found.get("bread", 0))
        for name, found in stored_weights(_DOCUMENTS).items()
    }
    assert {hit["_id"]: hit["_score"] for hit in hits} == {name: score for name, score in wanted.items() if score}
    assert compare_anchored(searched, 120, some_are_not_taken=True) > 50
