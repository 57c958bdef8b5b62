"""Asynchronous searches through the gateway: rewritten when they are sent, fetched and dropped as they are.

None of the servers that can be fetched has the module for them. Here Elasticsearch 9.2 gets one of ours, made of the
classes that its archive has for these requests and answers, see `AsyncSearchModule.java`.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import orjson
import pytest
from csplade.integration.node_launch import Ground
from csplade.integration.servers import ELASTICSEARCH_9
from csplade.tests.compiled_module import Module, add_module
from csplade.tests.extended_server import extended
from csplade.tests.gateway_process import Answer
from csplade.tests.gateway_searches import Json, Stage, stage, verdict
from csplade.tests.gateway_words import BROKEN
from csplade.tests.rewrite_index import mapping

pytestmark = pytest.mark.cluster

ASYNC_SEARCH = Module("x-pack-async-search", "AsyncSearchModule", extends="x-pack-core")
MATCH: Json = {
    "query": {"bool": {"must": [{"match": {"text": "fresh bread"}}], "filter": [{"term": {"lang": "en"}}]}},
    "aggs": {"years": {"max": {"field": "year"}}},
    "size": 20,
}
PATIENCE_SECONDS = 300


@pytest.fixture(scope="module")
def elasticsearch() -> Iterator[str]:
    def add(ground: Ground, home: Path) -> None:
        add_module(ground, home, ASYNC_SEARCH)

    with extended(ELASTICSEARCH_9, add) as url:
        yield url


@pytest.fixture(scope="module")
def staged(elasticsearch: str) -> Iterator[Stage]:
    mapped = mapping("sparse_vector", "standard", joins=False)
    with stage(elasticsearch, "replace", "anchored", mapped=mapped) as running:
        yield running


def submit(staged: Stage, body: object, mode: str = "replace", params: str = "", direct: bool = False) -> Answer:
    return staged.ask("POST", f"/{staged.index(mode)}/_async_search{params}", body, direct)


def told(answer: Answer) -> Json:
    """Return what a search found, without how long it took."""
    assert answer.status == 200, answer.body
    whole = orjson.loads(answer.body)
    found = whole.get("response", whole)
    return {name: value for name, value in found.items() if name not in ("took", "num_reduce_phases")}


def searched(staged: Stage, body: object, mode: str = "replace", direct: bool = False) -> Json:
    return told(staged.ask("POST", f"/{staged.index(mode)}/_search", body, direct))


@pytest.mark.parametrize("mode", ["replace", "anchored"])
def test_an_asynchronous_search_finds_what_a_search_does(staged: Stage, mode: str) -> None:
    answer = submit(staged, MATCH, mode)
    assert verdict(answer) == "rewritten"
    assert told(answer) == searched(staged, MATCH, mode)
    own = told(submit(staged, MATCH, mode, direct=True))
    assert own == searched(staged, MATCH, mode, direct=True)
    assert own["hits"]["hits"] != told(answer)["hits"]["hits"]
    if mode == "anchored":
        assert own["hits"]["total"] == told(answer)["hits"]["total"]
        assert own["aggregations"] == told(answer)["aggregations"]


@pytest.mark.parametrize("params", ["?keep_on_completion=true", "?wait_for_completion_timeout=0"])
def test_its_result_is_fetched_and_dropped_by_its_id(staged: Stage, params: str) -> None:
    answer = submit(staged, MATCH, params=params)
    assert verdict(answer) == "rewritten"
    kept = orjson.loads(answer.body)
    assert kept["is_running"] is ("timeout=0" in params)
    path = f"/_async_search/{kept['id']}"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while orjson.loads((fetched := staged.ask("GET", path)).body)["is_running"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert verdict(fetched) is None
    assert told(fetched) == searched(staged, MATCH)
    assert fetched.body == staged.ask("GET", path, direct=True).body
    assert staged.ask("DELETE", path).status == 200
    assert staged.ask("GET", path).status == 404


def test_a_query_in_its_parameters_is_rewritten_too(staged: Stage) -> None:
    answer = submit(staged, None, params=f"?q={quote('fresh bread')}&df=text&size=7")
    assert verdict(answer) == "rewritten"
    string = {"query": {"query_string": {"query": "fresh bread", "default_field": "text"}}, "size": 7}
    assert told(answer) == searched(staged, string)
    assert len(told(answer)["hits"]["hits"]) == 7


def test_it_fails_open_as_a_search_does(staged: Stage) -> None:
    body = {"query": {"match": {"text": f"fresh {BROKEN}"}}}
    answer = submit(staged, body)
    assert verdict(answer) == "failed-open; encoder_broken"
    assert told(answer) == searched(staged, body, direct=True)
    answer = submit(staged, {"query": {"match": {"text": "fresh"}}, "aggs": {"no": {"such": {}}}})
    assert (answer.status, verdict(answer)) == (400, "passed; cluster_refused")


def test_without_the_name_of_an_index_it_has_the_rules_of_all(staged: Stage) -> None:
    assert verdict(staged.ask("POST", "/_async_search", MATCH)) == "passed; mixed_rules"
    assert verdict(staged.ask("POST", f"/{staged.index('other')}/_async_search", MATCH)) == "passed; no_rules"
