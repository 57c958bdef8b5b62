"""What a copy of an index could lose, on real servers: each document and field arrives, or is told in a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.dialect import Clause
from csplade.integration.index import create_index
from csplade.integration.templates import WEIGHTS_FIELD, IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Run, run
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.test_reindex import COUNT, content, expected, product, routing_of, shop
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

__all__ = ["run", "shop"]

pytestmark = pytest.mark.cluster


@pytest.fixture
def client(opensearch: str) -> OpenSearch:
    return connect(opensearch)


def test_a_dead_letter_tells_id_and_routing_and_what_is_mended_in_the_source_arrives_by_another_run(
    run: Run, opensearch: str, client: OpenSearch, index_name: str, shop: str
) -> None:
    create_index(client, index_name, word_contract(), IndexOptions())
    # The new index takes no such prices.
    client.indices.put_mapping(index=index_name, body={"properties": {"price": {"type": "byte"}}})
    odd = {**product(12), "price": 1e9}
    client.index(index=shop, id="p12", body=odd, params={**routing_of(12), "refresh": "true"})
    where = ("--from", shop, "--to", index_name, "--url", opensearch, "--text-fields", "name,about.long")
    failed = run("reindex", *where, "--no-copy-mapping", "--json")
    assert (failed.code, orjson.loads(failed.out)["failed"]) == (1, 1)
    letters = f"{index_name}.failed.jsonl"
    assert f"mend them in {shop} and reindex again, which copies all documents; {letters} holds those" in failed.err
    letter = orjson.loads(Path(letters).read_bytes())
    assert "price" in letter.pop("csplade_error")
    assert letter == {"_id": "p12", **{f"_{name}": value for name, value in routing_of(12).items()}, **odd}
    client.index(index=shop, id="p12", body=product(12), params={**routing_of(12), "refresh": "true"})
    again = run("reindex", *where, "--no-copy-mapping", "--json")
    assert again.code == 0, again
    told = orjson.loads(again.out)
    assert [told[name] for name in ("in_source", "indexed", "in_index")] == [COUNT] * 3
    assert (told["skipped"], told["duplicates"]) == (0, 0)
    arrived = client.get(index=index_name, id="p12", params=routing_of(12))
    assert (arrived["_routing"], arrived["_source"]) == expected(12)


@contextmanager
def old_index(client: OpenSearch, index: str, body: dict[str, Any], *documents: dict[str, Any]) -> Iterator[str]:
    """Make an index of an application with these documents, give its name, and delete it."""
    name = f"{index}-old"
    client.indices.create(index=name, body=body)
    try:
        for number, document in enumerate(documents):
            client.index(index=name, id=str(number), body=document, params={"refresh": "true"})
        yield name
    finally:
        client.indices.delete(index=name)


LIMITS: dict[str, Any] = {
    "max_ngram_diff": "8",
    "max_shingle_diff": "6",
    "max_result_window": "20000",
    "max_docvalue_fields_search": "150",
    "query": {"default_field": ["name", "code"]},
    "sort": {"field": ["code", "price"], "order": ["asc", "desc"]},
}
FIELDS: dict[str, Any] = {
    "name": {"type": "text"},
    "said": {"type": "text", "analyzer": "words"},
    "code": {"type": "keyword"},
    "price": {"type": "double"},
}
WORDS: dict[str, Any] = {
    "filter": {"words": {"type": "shingle", "min_shingle_size": 2, "max_shingle_size": 7}},
    "analyzer": {"words": {"tokenizer": "standard", "filter": ["words"]}},
}


def limited(ngrams: bool) -> dict[str, Any]:
    """Return an index whose analyzers need limits of its own; archives of Elasticsearch have no n-grams."""
    analysis, fields = dict(WORDS), dict(FIELDS)
    if ngrams:
        analysis["tokenizer"] = {"parts": {"type": "ngram", "min_gram": 2, "max_gram": 10}}
        analysis["analyzer"] = {**WORDS["analyzer"], "parts": {"tokenizer": "parts"}}
        fields["name"] = {"type": "text", "analyzer": "parts"}
    return {"settings": {"index": {**LIMITS, "analysis": analysis}}, "mappings": {"properties": fields}}


def test_limits_that_analyzers_and_searches_need_are_taken_over_on_every_line(
    run: Run, line: ClusterLine, client: OpenSearch, opensearch: str
) -> None:
    ngrams = line.dialect.distribution == "opensearch"
    document = {"name": "Zeppelin", "said": "a b c d e f g", "code": "b", "price": 1.0}
    with old_index(client, line.index, limited(ngrams), document) as name:
        where = ("--from", name, "--to", line.index, "--url", line.url, "--from-url", opensearch)
        asked = ("reindex", *where, "--text-fields", "name", "--analyzer", line.analyzer)
        dry = run(*asked, "--dry-run", "--json")
        assert (dry.code, orjson.loads(dry.out)["refused"]) == (0, {}), dry
        done = run(*asked)
    assert done.code == 0, done
    made = line.client.indices.get_settings(index=line.index)[line.index]["settings"]["index"]
    assert {name: made[name] for name in LIMITS} == LIMITS
    asked_for = {"query_string": {"query": "ppel" if ngrams else "zeppelin"}}
    both = {"query": {"bool": {"must": [asked_for, {"term": {"said": "a b c d e f g"}}]}}}
    assert [hit["_id"] for hit in line.client.search(index=line.index, body=both)["hits"]["hits"]] == ["0"]


@pytest.mark.cluster_line
def test_vectors_are_copied_with_the_settings_of_their_plugin(run: Run, line: ClusterLine) -> None:
    if line.dialect.clause is not Clause.NEURAL_SPARSE:
        pytest.skip("the archive has no plugin for vectors")
    # The usual engine needs a native library, without which the node ends.
    method = {"name": "hnsw", "engine": "lucene", "space_type": "l2"}
    fields = {"name": {"type": "text"}, "place": {"type": "knn_vector", "dimension": 2, "method": method}}
    knn = {"knn": "true", "knn.algo_param.ef_search": "50"}
    document = {"name": "Rye", "place": [0.5, 1.5]}
    with old_index(
        line.client, line.index, {"settings": {"index": knn}, "mappings": {"properties": fields}}, document
    ) as name:
        asked = ("reindex", "--from", name, "--to", line.index, "--url", line.url, "--text-fields", "name")
        dry = run(*asked, "--dry-run", "--json")
        assert (dry.code, orjson.loads(dry.out)["refused"]) == (0, {}), dry
        assert run(*asked).code == 0
        both = [
            line.client.indices.get_settings(index=one, params={"flat_settings": "true"}) for one in (name, line.index)
        ]
    old, new = (next(iter(found.values()))["settings"] for found in both)
    assert [old[f"index.{key}"] for key in knn] == [new[f"index.{key}"] for key in knn] == [*knn.values()]
    nearest = {"query": {"knn": {"place": {"vector": [0.5, 1.5], "k": 1}}}}
    assert [hit["_id"] for hit in line.client.search(index=line.index, body=nearest)["hits"]["hits"]] == ["0"]


def test_an_order_of_documents_that_the_new_index_cannot_have_is_left_out(
    run: Run, opensearch: str, client: OpenSearch, index_name: str
) -> None:
    with old_index(client, index_name, limited(ngrams=True), {"name": "Zeppelin", "code": "b"}) as name:
        where = ("--from", name, "--to", index_name, "--url", opensearch, "--text-fields", "name")
        # Passages are nested objects, which no order goes with.
        done = run("reindex", *where, "--long", "passages")
    assert done.code == 0, done
    made = client.indices.get_settings(index=index_name)[index_name]["settings"]["index"]
    assert "sort" not in made
    assert made["max_ngram_diff"] == "8"


def test_a_setting_that_the_other_cluster_does_not_know_is_not_taken_for_a_fault_of_fields(
    run: Run, line: ClusterLine, client: OpenSearch, opensearch: str
) -> None:
    analysis = {"analyzer": {"plain": {"tokenizer": "standard", "filter": ["porter_stem"]}}}
    fields = {"name": {"type": "text", "analyzer": "plain"}, "price": {"type": "double"}}
    body = {"settings": {"analysis": analysis}, "mappings": {"properties": fields}}
    with old_index(client, line.index, body, {"name": "Rye"}) as name:
        where = ("--from", name, "--to", line.index, "--url", line.url, "--from-url", opensearch)
        done = run("reindex", *where, "--text-fields", "name", "--analyzer", line.analyzer, "--dry-run")
    if line.dialect.distribution == "opensearch":
        assert done.code == 0, done
        return
    assert (done.code, done.out) == (1, "")
    assert "porter_stem" in done.err
    assert "would refuse 'name'" not in done.err


@pytest.mark.parametrize(
    ("source", "lacking", "left"),
    [
        ({"excludes": ["secret", "deep.*"]}, "'secret', 'deep.*'", {"name": "Rye", "price": 1.5}),
        ({"includes": ["name"]}, "what is not 'name'", {"name": "Rye"}),
    ],
)
def test_fields_that_the_source_does_not_keep_are_told_and_missing_only_if_asked_for(
    run: Run, line: ClusterLine, tmp_path: Path, source: dict[str, object], lacking: str, left: dict[str, object]
) -> None:
    whole = {"name": "Rye", "price": 1.5, "secret": "x", "deep": {"a": 1}}
    with old_index(line.client, line.index, {"mappings": {"_source": source}}, whole) as name:
        where = ("--from", name, "--to", line.index, "--url", line.url, "--analyzer", line.analyzer)
        asked = ("reindex", *where, "--text-fields", "name")
        for refused in (run(*asked), run(*asked, "--dry-run")):
            assert (refused.code, refused.out) == (1, "")
            assert f"the index '{name}' leaves {lacking} out of `_source`" in refused.err
            assert "--without-excluded-fields" in refused.err
        assert not line.client.indices.exists(index=line.index)
        untold = run("reindex", *where, "--text-fields", "secret", "--without-excluded-fields")
        assert (untold.code, "'secret', which is to be encoded" in untold.err) == (1, True)
        done = run(*asked, "--without-excluded-fields")
        assert done.code == 0, done
    (document,) = content(line.client, line.index, line.dialect).values()
    assert {key: document[1][key] for key in left} == left
    # Of an object it keeps the shell.
    assert document[1].get("deep", {}) == {}
    assert document[1].keys() - left.keys() - {"deep"} == {"text", "csplade_encoded", WEIGHTS_FIELD}


def shard_of(client: OpenSearch, index: str, routing: str) -> int:
    return int(client.search_shards(index=index, params={"routing": routing})["shards"][0][0]["shard"])


@pytest.fixture
def twins(line: ClusterLine) -> Iterator[tuple[str, list[str]]]:
    """Give an index with the id `x` once in each shard, once without routing, and the routings of the others."""
    name = f"{line.index}-twins"
    line.client.indices.create(index=name, body={"settings": {"number_of_shards": 3, "number_of_replicas": 0}})
    shards = {shard_of(line.client, name, "x"): ""}
    for routing in map(str, range(50)):
        shards.setdefault(shard_of(line.client, name, routing), routing)
    routings = sorted(filter(None, shards.values()))
    assert len(routings) == 2
    for routing in ("", *routings):
        params = {"refresh": "true", **({"routing": routing} if routing else {})}
        line.client.index(index=name, id="x", body={"name": f"bread {routing}"}, params=params)
    line.client.index(index=name, id="y", body={"name": "salt"}, params={"refresh": "true", "routing": routings[0]})
    yield name, routings
    line.client.indices.delete(index=name)


def texts_of(line: ClusterLine) -> dict[tuple[str, str | None], str]:
    hits = line.client.search(index=line.index, body={"size": 10})["hits"]["hits"]
    return {(hit["_id"], hit.get("_routing")): hit["_source"]["name"] for hit in hits}


def test_of_one_id_with_several_routings_all_arrive_where_there_are_shards_for_them(
    run: Run, line: ClusterLine, twins: tuple[str, list[str]]
) -> None:
    name, routings = twins
    where = ("--from", name, "--to", line.index, "--url", line.url, "--analyzer", line.analyzer)
    done = run("reindex", *where, "--text-fields", "name", "--shards", 3, "--json")
    assert done.code == 0, done
    told = orjson.loads(done.out)
    assert [told[key] for key in ("in_source", "indexed", "in_index", "duplicates")] == [4, 4, 4, 0]
    assert "came before" not in done.err
    others = {("x", None): "bread ", ("y", routings[0]): "salt"}
    assert texts_of(line) == {("x", routing): f"bread {routing}" for routing in routings} | others


def test_of_one_id_with_several_routings_none_replaces_another_in_one_shard(
    run: Run, line: ClusterLine, twins: tuple[str, list[str]]
) -> None:
    name, routings = twins
    where = ("--from", name, "--to", line.index, "--url", line.url, "--analyzer", line.analyzer)
    failed = run("reindex", *where, "--text-fields", "name", "--json")
    told = orjson.loads(failed.out)
    assert (failed.code, [told[key] for key in ("read", "indexed", "failed", "duplicates")]) == (1, [4, 2, 2, 0])
    assert "would replace the one without routing, as the new index has both in one shard" in failed.err
    assert texts_of(line) == {("x", None): "bread ", ("y", routings[0]): "salt"}
    letters = [orjson.loads(letter) for letter in Path(f"{line.index}.failed.jsonl").read_bytes().splitlines()]
    assert {letter["_routing"]: letter["name"] for letter in letters} == {each: f"bread {each}" for each in routings}
    # Another run decides the same.
    assert orjson.loads(run("reindex", *where, "--text-fields", "name", "--json").out)["failed"] == 2
    assert texts_of(line) == {("x", None): "bread ", ("y", routings[0]): "salt"}


def test_where_nobody_may_ask_for_shards_those_of_one_id_are_failures_and_the_others_arrive(
    run: Run, line: ClusterLine, twins: tuple[str, list[str]]
) -> None:
    name, _ = twins
    with running(FaultyProxy(line.url)) as proxy:
        proxy.troubles["_search_shards"] = [403] * 100
        where = ("--from", name, "--to", line.index, "--url", proxy.url, "--analyzer", line.analyzer)
        failed = run("reindex", *where, "--text-fields", "name", "--shards", 3, "--json")
    assert (failed.code, orjson.loads(failed.out)["failed"]) == (1, 2)
    assert "as the new index may have both in one shard" in failed.err
