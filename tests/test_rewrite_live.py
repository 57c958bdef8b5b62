"""Rewritten searches on a real server: anchored ones find what BM25 does, replaced ones score as a query does."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from csplade.integration.client import connect
from csplade.integration.query import QueryOptions, Question
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import RewriteMode, RewriteOptions
from csplade.integration.rewrite_template import rewrite_template
from csplade.tests.queries import build_query
from csplade.tests.rewrite_bodies import Json
from csplade.tests.rewrite_case import match
from csplade.tests.rewrite_cases import CASES
from csplade.tests.rewrite_index import FIELD_MAP, LANGS, fill_index, mapping
from csplade.tests.rewrite_searches import EVERYTHING, Searched, compare_anchored
from csplade.tests.test_rewrite import options_of
from csplade.tests.word_encoder import word_vector

DE = {"term": {"lang": "de"}}


@pytest.fixture(scope="module")
def filled_index(opensearch: str) -> Iterator[Searched]:
    name, client = f"test-{uuid4().hex}", connect(opensearch)
    fill_index(client, name, 250)
    yield Searched(client, name)
    client.indices.delete(index=name)


@pytest.mark.cluster
def test_anchored_searches_find_and_count_what_bm25_does(filled_index: Searched) -> None:
    assert compare_anchored(filled_index, 450) >= 300


@pytest.mark.cluster
def test_every_row_of_the_table_that_is_taken_before_is_taken_after_in_every_mode(filled_index: Searched) -> None:
    taken = [case for case in CASES if filled_index.takes(case.body)]
    # The rest is for a plugin, for Elasticsearch, or wrong on purpose.
    assert len(taken) > 0.9 * len(CASES)
    for mode in RewriteMode:
        for case in taken:
            filled_index.search(rewrite(case.body, FIELD_MAP, word_vector, replace(options_of(case), mode=mode)).body)


@pytest.mark.cluster
def test_a_replaced_match_scores_as_a_query_does(filled_index: Searched) -> None:
    for text in ("fresh bread", "the salted butter of a stale loaf", "running foxes running"):
        sent = rewrite({"query": match(text), "size": 100}, FIELD_MAP, word_vector, RewriteOptions()).body
        query = build_query(Question(text, word_vector(text)), QueryOptions())
        assert scores(filled_index.search(sent)) == scores(filled_index.search({"query": query, "size": 100}))
        assert len(scores(filled_index.search(sent))) > 50


def scores(answer: Json) -> list[tuple[str, float]]:
    return [(hit["_id"], hit["_score"]) for hit in answer["hits"]["hits"]]


@pytest.mark.cluster
def test_anchored_hits_come_in_the_order_of_their_term_weights(filled_index: Searched) -> None:
    body = {"query": match("fresh bread", operator="and"), "size": EVERYTHING}
    sent = rewrite(body, FIELD_MAP, word_vector, RewriteOptions(RewriteMode.ANCHORED)).body
    hits = filled_index.search(sent)["hits"]["hits"]
    assert len(hits) > 3
    for hit in hits:
        document = hit["_source"].get("csplade_terms", {})
        dot = sum(weight * document.get(term, 0.0) for term, weight in word_vector("fresh bread"))
        # Stored weights have 9 significant bits.
        assert hit["_score"] == pytest.approx(dot, rel=0.01)
    assert [hit["_score"] for hit in hits] == sorted((hit["_score"] for hit in hits), reverse=True)


@pytest.mark.cluster
@pytest.mark.parametrize("mode", list(RewriteMode))
def test_a_name_and_a_boost_arrive(filled_index: Searched, mode: RewriteMode) -> None:
    def best(**asked: object) -> Json:
        body = {"query": match("fresh bread", **asked), "size": 1}
        sent = rewrite(body, FIELD_MAP, word_vector, RewriteOptions(mode)).body
        hit: Json = filled_index.search(sent)["hits"]["hits"][0]
        return hit

    plain, asked = best(), best(boost=3, _name="mine")
    assert asked["matched_queries"] == ["mine"]
    assert asked["_score"] == pytest.approx(3 * plain["_score"], rel=1e-5)


@pytest.mark.cluster
@pytest.mark.parametrize("mode", list(RewriteMode))
def test_hits_are_highlighted_as_before(filled_index: Searched, mode: RewriteMode) -> None:
    body = {
        "query": {"bool": {"must": [match("fresh bread", _name="text")], "should": [match("oven", "title")]}},
        "highlight": {"fields": {"text": {}, "title": {}}},
        "size": EVERYTHING,
    }
    before = {hit["_id"]: hit.get("highlight") for hit in filled_index.search(body)["hits"]["hits"]}
    hits = filled_index.search(rewrite(body, FIELD_MAP, word_vector, RewriteOptions(mode)).body)["hits"]["hits"]
    marked = {hit["_id"]: hit.get("highlight") for hit in hits}
    both = marked.keys() & before.keys()
    assert len(both) > 50
    assert all(marked[name] == before[name] for name in both)
    assert any("<em>bread</em>" in str(found) for found in marked.values())


@pytest.mark.cluster
def test_inner_hits_are_highlighted_as_before(filled_index: Searched) -> None:
    inner = {"highlight": {"fields": {"passages.text": {}}}, "size": 5}
    query = {"nested": {"path": "passages", "query": match("fresh bread", "passages.text"), "inner_hits": inner}}
    sent = rewrite({"query": query}, FIELD_MAP, word_vector, RewriteOptions()).body
    assert sent["query"] != query
    found = filled_index.search(sent)["hits"]["hits"]
    assert "<em>bread</em>" in str([hit["inner_hits"]["passages"]["hits"]["hits"][0] for hit in found])


@pytest.mark.cluster
def test_pages_go_on_where_the_last_one_ended(filled_index: Searched) -> None:
    # The id last: of hits that are alike in all else a page could leave some out.
    body: Json = {"query": match("fresh bread"), "size": 20, "sort": ["_score", {"year": "asc"}, {"_id": "asc"}]}
    everything = filled_index.search(
        rewrite({**body, "size": EVERYTHING}, FIELD_MAP, word_vector, RewriteOptions()).body
    )
    pages: list[str] = []
    after: Json = {}
    while hits := filled_index.search(rewrite({**body, **after}, FIELD_MAP, word_vector, RewriteOptions()).body)[
        "hits"
    ]["hits"]:
        pages += [hit["_id"] for hit in hits]
        after = {"search_after": hits[-1]["sort"]}
    assert len(pages) > 60
    assert pages == [hit["_id"] for hit in everything["hits"]["hits"]]
    assert len(pages) == everything["hits"]["total"]["value"]


@pytest.mark.cluster
@pytest.mark.parametrize("mode", list(RewriteMode))
def test_a_bool_that_counts_its_clauses_finds_what_it_did(filled_index: Searched, mode: RewriteMode) -> None:
    should = [match("bread", "title"), match("bread"), {"bool": {"must": [match("oven")]}}]
    body = {"query": {"bool": {"should": should, "minimum_should_match": 2}}, "size": EVERYTHING}
    sent = rewrite(body, FIELD_MAP, word_vector, RewriteOptions(mode))
    assert len(sent.changes) == len(should)
    before, after = ({hit["_id"] for hit in filled_index.search(each)["hits"]["hits"]} for each in (body, sent.body))
    assert after == before
    assert 5 < len(before) < 200


@pytest.mark.cluster
def test_totals_that_are_counted_to_ten_thousand_stay(opensearch: str, index_name: str) -> None:
    client = connect(opensearch)
    client.indices.create(index=index_name, body={"mappings": mapping()})
    lines: list[Json] = []
    for number in range(10_050):
        source = {"text": "fresh bread", "lang": LANGS[number % 2], "csplade_terms": word_vector("fresh bread").weights}
        lines += [{"index": {}}, source if number % 3 else {"text": "fresh bread", "lang": "en"}]
    assert not client.bulk(index=index_name, body=lines, params={"refresh": "true"})["errors"]
    searched = Searched(client, index_name)
    options = RewriteOptions(RewriteMode.ANCHORED)
    for query, capped in ((match("fresh bread"), True), ({"bool": {"must": [match()], "filter": [DE]}}, False)):
        before = searched.search({"query": query})["hits"]["total"]
        sent = rewrite({"query": query}, FIELD_MAP, word_vector, options)
        assert sent.changes
        assert searched.search(sent.body)["hits"]["total"] == before
        assert (before == {"value": 10_000, "relation": "gte"}) == capped


@pytest.mark.cluster
def test_many_texts_in_one_search_stay_within_the_clauses_that_the_cluster_takes(filled_index: Searched) -> None:
    text = " ".join(f"word{chr(97 + first)}{chr(97 + second)}" for first in range(15) for second in range(26))
    should = [match(text), match(text, "summary"), match(text, "note"), match("bread")]
    for mode in (RewriteMode.REPLACE, RewriteMode.HYBRID):
        if mode is RewriteMode.HYBRID:
            should = should[:1] + should[3:]
        sent = rewrite({"query": {"bool": {"should": should}}}, FIELD_MAP, word_vector, RewriteOptions(mode))
        assert sent.changes
        assert filled_index.search(sent.body)["hits"]["hits"]


@pytest.mark.cluster
def test_a_template_is_filled_by_the_server(filled_index: Searched) -> None:
    source = {
        "query": {"bool": {"must": [match("{{q}}")], "filter": [{"term": {"lang": "{{lang}}"}}]}},
        "size": "{{size}}",
    }
    body = {"source": source, "params": {"q": "fresh bread", "lang": "en", "size": 50}}
    plain = {"query": {"bool": {"must": [match("fresh bread")], "filter": [{"term": {"lang": "en"}}]}}, "size": 50}
    for mode in RewriteMode:
        options = RewriteOptions(mode)
        sent = rewrite_template(body, FIELD_MAP, word_vector, options)
        assert sent.changes
        answer = filled_index.client.search_template(index=filled_index.index, body=sent.body)
        wanted = filled_index.search(rewrite(plain, FIELD_MAP, word_vector, options).body)
        assert scores(answer) == scores(wanted)
        assert scores(answer)
