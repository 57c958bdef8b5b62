"""A cluster that takes less than what the gateway makes of a request: nobody gets a 413 that is not of his own."""

from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest
from csplade.integration.node import NodeOptions
from csplade.integration.servers import OPENSEARCH_3
from csplade.tests.gateway_process import Answer
from csplade.tests.gateway_searches import Json, Stage, stage, verdict
from csplade.tests.local_node import running
from csplade.tests.rewrite_index import mapping
from csplade.tests.scripted_cluster import lines, match

pytestmark = pytest.mark.cluster

TAKEN = 128 * 1024
WORDS = " ".join(f"bread{number}" for number in range(60))
SEARCHES = 100


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = {**OPENSEARCH_3.settings, "http.max_content_length": f"{TAKEN}b"}
    with running(NodeOptions(replace(OPENSEARCH_3, settings=settings), port=0, heap_mb=512)) as node:
        yield node.url


@pytest.fixture(scope="module")
def staged(url: str) -> Iterator[Stage]:
    """A gateway that does not know how little the cluster takes."""
    with stage(url, "replace", gateway={"deadline_ms": 10_000}) as running_stage:
        yield running_stage


@pytest.fixture(scope="module")
def told(url: str) -> Iterator[Stage]:
    """A gateway that knows it."""
    with stage(url, "replace", gateway={"deadline_ms": 10_000, "largest_sent": TAKEN}) as running_stage:
        yield running_stage


def several(staged: Stage) -> tuple[Answer, Json, Json]:
    """Send searches that are short, and long by weights; return the answer, and what both ways say."""
    body = lines(*(each for _ in range(SEARCHES) for each in ({}, {**match(WORDS), "size": 1})))
    assert len(body) < TAKEN
    path, kind = f"/{staged.index('replace')}/_msearch", "application/x-ndjson"
    answer, direct = (staged.ask("POST", path, body, each, content_type=kind) for each in (False, True))
    assert (answer.status, direct.status) == (200, 200)
    return answer, orjson.loads(answer.body), orjson.loads(direct.body)


def written(staged: Stage, count: int) -> tuple[Answer, list[Json]]:
    """Write documents that are short, and long with weights; return the answer, and what is stored."""
    index, names = f"{staged.index('replace')}-{count}", [str(number) for number in range(count)]
    staged.direct.indices.create(index=index, body={"mappings": mapping()})
    body = lines(*(each for name in names for each in ({"index": {"_id": name}}, {"text": WORDS})))
    assert len(body) < TAKEN
    answer = staged.ask("POST", f"/{index}/_bulk?refresh=true", body, content_type="application/x-ndjson")
    assert answer.status == 200, answer.body
    return answer, [each["_source"] for each in staged.direct.mget(index=index, body={"ids": names})["docs"]]


def test_searches_that_are_too_long_for_the_cluster_once_they_are_rewritten_run_as_they_were(staged: Stage) -> None:
    answer, said, direct = several(staged)
    assert verdict(answer) == "failed-open; cluster_refused"
    assert [each["hits"] for each in said["responses"]] == [each["hits"] for each in direct["responses"]]


def test_documents_that_are_too_long_for_the_cluster_with_their_weights_are_written_without(staged: Stage) -> None:
    answer, stored = written(staged, 180)
    assert (verdict(answer), orjson.loads(answer.body)["errors"]) == ("failed-open; cluster_refused", False)
    assert stored == [{"text": WORDS}] * 180
    answer, stored = written(staged, 20)
    assert verdict(answer) == "rewritten; 20 of 20"
    assert all(each["csplade_terms"] for each in stored)


def test_a_gateway_that_knows_what_a_cluster_takes_sends_no_more(told: Stage) -> None:
    answer, said, direct = several(told)
    assert verdict(answer) == "failed-open; too_large"
    assert [each["hits"] for each in said["responses"]] == [each["hits"] for each in direct["responses"]]
    answer, stored = written(told, 180)
    assert verdict(answer) == "failed-open; too_large"
    assert stored == [{"text": WORDS}] * 180
