"""Programs that know nothing of the gateway, run once against the cluster and once through it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from csplade.commands.options import SHIPPED_ENCODER
from csplade.integration.detect import read_dialect
from csplade.tests.gateway_process import ask, serving
from csplade.tests.gateway_programs import compare_order, weighed_hits
from csplade.tests.gateway_searches import DOCUMENTS, Json, Stage, request, rules, stage
from csplade.tests.gateway_shape import shape
from csplade.tests.rewrite_bodies import make_body
from csplade.tests.rewrite_index import fill_index, stored_weights
from opensearchpy import OpenSearch
from opensearchpy.exceptions import RequestError
from opensearchpy.helpers import bulk, scan

pytestmark = pytest.mark.cluster

TEXT = "fresh salted bread"
LEAST_REWRITTEN, AT_ONCE, EVERYTHING = 300, 20, 1000
Part = Callable[[OpenSearch, str], Any]  # Any: what a client answers


@pytest.fixture(scope="module")
def staged(opensearch: str) -> Iterator[Stage]:
    with stage(opensearch, "anchored", gateway={"deadline_ms": 10_000}) as running:
        yield running


def text(field: str = "text", **more: str) -> Json:
    return {"match": {field: {"query": TEXT, **more}}}


def paged(client: OpenSearch, index: str) -> object:
    """Page through a point in time, best hits first."""
    pit = client.create_pit(index=index, params={"keep_alive": "1m"})["pit_id"]
    body: Json = {"query": text(), "size": 9, "pit": {"id": pit}, "sort": ["_score", {"_id": "asc"}]}
    pages = []
    while True:
        page = client.search(body=body)
        pages.append(page)
        if not page["hits"]["hits"]:
            break
        body = {**body, "search_after": page["hits"]["hits"][-1]["sort"]}
    client.delete_pit(body={"pit_id": [pit]})
    found = [hit["_id"] for page in pages for hit in page["hits"]["hits"]]
    assert len(found) == len(set(found)) == pages[0]["hits"]["total"]["value"]
    return sorted(found)


def found_by(client: OpenSearch, index: str, **asked: str) -> Json:
    """Search as a shop does: filters, facets, highlights, pages."""
    query = {"bool": {"must": [text("text", **asked)], "filter": [{"range": {"year": {"gte": 1995}}}]}}
    aggs = {"langs": {"terms": {"field": "lang"}}, "years": {"histogram": {"field": "year", "interval": 5}}}
    more = {"highlight": {"fields": {"text": {}}}, "from": 5, "size": 5, "_source": ["title", "year"]}
    answer: Json = client.search(index=index, body={"query": query, "aggs": aggs, **more})
    return answer


PROGRAM: dict[str, Part] = {
    "search": lambda client, index: found_by(client, index),
    "all words": lambda client, index: found_by(client, index, operator="and"),
    "string": lambda client, index: client.search(index=index, params={"q": TEXT, "df": "text", "size": 3}),
    "count": lambda client, index: client.count(index=index, body={"query": text()}),
    "several": lambda client, index: client.msearch(
        body=[{"index": index}, {"query": text()}, {"index": index}, {"query": text("title"), "size": 0}]
    ),
    "template": lambda client, index: client.search_template(
        index=index, body={"source": {"query": {"match": {"text": "{{q}}"}}}, "params": {"q": TEXT}}
    ),
    "scan": lambda client, index: sorted(
        hit["_id"] for hit in scan(client, index=index, query={"query": text()}, size=7, preserve_order=True)
    ),
    "pages": paged,
    "valid": lambda client, index: client.indices.validate_query(index=index, body={"query": text()}),
    "names": lambda client, index: client.search(index=index, body={"query": text(_name="mine"), "explain": True}),
    "collapse": lambda client, index: client.search(index=index, body={"query": text(), "collapse": {"field": "lang"}}),
    "document": lambda client, index: client.get(index=index, id="d1"),
    "documents": lambda client, index: client.mget(index=index, body={"ids": ["d1", "d2", "none"]}),
    "fields": lambda client, index: client.indices.get_mapping(index=index),
}


@pytest.mark.parametrize("part", PROGRAM)
def test_a_stock_client_gets_answers_of_the_same_shape(staged: Stage, part: str) -> None:
    index = staged.index("anchored")
    direct, through = (PROGRAM[part](OpenSearch(url), index) for url in urls(staged))
    assert shape(through) == shape(direct)
    for answer, other in ((through, direct), (direct, through)):
        if isinstance(answer, dict) and "hits" in answer:
            assert answer["hits"]["total"] == other["hits"]["total"]
            assert answer.get("aggregations") == other.get("aggregations")


def test_hits_are_in_another_order_though(staged: Stage) -> None:
    index = staged.index("anchored")
    direct, through = (found_by(OpenSearch(url), index)["hits"]["hits"] for url in urls(staged))
    assert [hit["_id"] for hit in through] != [hit["_id"] for hit in direct]
    assert all("<em>" in fragment for hit in through for fragment in hit["highlight"]["text"])


def test_a_search_that_is_refused_is_refused_in_the_same_words(staged: Stage) -> None:
    said = []
    for url in urls(staged):
        with pytest.raises(RequestError) as caught:
            OpenSearch(url).search(
                index=staged.index("anchored"),
                body={"query": {"bool": {"must": [text()], "filter": [{"nonsense": {}}]}}},
            )
        said.append((caught.value.status_code, caught.value.info))
    assert said[0] == said[1]


def test_hits_come_in_the_order_of_their_weights(staged: Stage) -> None:
    body = {"query": text(), "size": 20, "_source": False}
    answers = [OpenSearch(url).search(index=staged.index("anchored"), body=body) for url in urls(staged)]
    direct, through = ([hit["_id"] for hit in answer["hits"]["hits"]] for answer in answers)
    compare_order(direct, through, stored_weights(DOCUMENTS))


def test_what_a_stock_client_writes_is_found_by_its_weights(staged: Stage) -> None:
    index = staged.index("anchored")
    for name, write in WRITERS.items():
        write(OpenSearch(staged.gateway.url), index, name)
        assert weighed_hits(staged.direct, index, read_dialect(staged.direct)) == [name]
        staged.direct.delete(index=index, id=name, params={"refresh": "true"})


WRITTEN = {"text": "written by a stock client", "year": 2001}
WRITERS: dict[str, Callable[[OpenSearch, str, str], object]] = {
    "alone": lambda client, index, name: client.index(index=index, id=name, body=WRITTEN),
    "in bulk": lambda client, index, name: bulk(client, [{"_index": index, "_id": name, **WRITTEN}]),
}


def urls(staged: Stage) -> tuple[str, str]:
    """Return where a program is pointed: at the cluster, and at the gateway."""
    return staged.url, staged.gateway.url


def several(staged: Stage, bodies: list[Json]) -> tuple[int, list[Json], list[Json]]:
    """Return how many of these searches are rewritten, and the answers of the cluster and of the gateway."""
    lines = b"".join(orjson.dumps(line) + b"\n" for body in bodies for line in ({}, body))
    path, kind = f"/{staged.index('anchored')}/_msearch", "application/x-ndjson"
    direct, through = (staged.ask("POST", path, lines, each, content_type=kind) for each in (True, False))
    said = through.header("x-csplade") or ""
    assert said.startswith("rewritten; "), said
    found: list[list[Json]] = [orjson.loads(answer.body)["responses"] for answer in (direct, through)]
    return int(said.split(" ")[1]), found[0], found[1]


def whole(body: Json) -> Json:
    """Return a search with all that it finds, so that it can be compared."""
    kept = {name: value for name, value in body.items() if name not in ("from", "collapse", "highlight")}
    return {**kept, "size": EVERYTHING, "_source": False, "track_total_hits": True}


def test_totals_aggregations_and_matches_of_generated_searches_are_those_of_bm25(staged: Stage) -> None:
    chance, rewritten, found = Random(11), 0, 0
    while rewritten < LEAST_REWRITTEN:
        bodies = [whole(make_body(chance)) for _ in range(AT_ONCE)]
        count, direct, through = several(staged, bodies)
        rewritten += count
        for body, before, after in zip(bodies, direct, through, strict=True):
            assert "error" not in before, (body, before)
            assert after["hits"]["total"] == before["hits"]["total"], body
            assert after.get("aggregations") == before.get("aggregations"), body
            assert identities(after) == identities(before), body
            found += before["hits"]["total"]["value"] > 0
    assert found > LEAST_REWRITTEN / 2


def identities(answer: Json) -> set[str]:
    return {hit["_id"] for hit in answer["hits"]["hits"]}


@pytest.mark.model
def test_the_shipped_encoder_answers_in_each_of_two_workers(opensearch: str, tmp_path: Path, index_name: str) -> None:
    if not (SHIPPED_ENCODER / "encoder.json").is_file():
        pytest.skip(f"there is no shipped encoder: {SHIPPED_ENCODER} is made by the export")
    path = tmp_path / "rewrite.json"
    path.write_bytes(orjson.dumps({"index": [rules(index_name)], "gateway": {"deadline_ms": 60_000}}))
    fill_index(OpenSearch(opensearch), index_name, 5)
    with serving(opensearch, "--config", str(path), "--workers", "2") as gateway:
        raw = request("POST", f"/{index_name}/_search", {"query": text(), "size": 1}, {})
        assert {ask(gateway.port, raw).header("x-csplade") for _ in range(12)} == {"rewritten"}
        assert gateway.counts()["workers"] == 2
