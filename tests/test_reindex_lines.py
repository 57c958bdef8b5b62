"""Some thousand documents of an application, copied from one kind of cluster into another: nothing is lost."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.documents import mark_of
from csplade.integration.index_mapping import mapping_of
from csplade.integration.templates import WEIGHTS_FIELD
from csplade.tests.cluster_lines import LineServers
from csplade.tests.command_run import Run, run
from csplade.tests.word_encoder import word_contract, word_vector
from opensearchpy import OpenSearch

__all__ = ["run"]

pytestmark = [pytest.mark.cluster, pytest.mark.cluster_line]

COUNT = 3000
WAYS = [
    ("elasticsearch-7.17", "opensearch-3.8"),
    ("elasticsearch-9.2", "opensearch-3.8"),
    ("opensearch-3.8", "elasticsearch-9.2"),
]
WORDS = "bread rye oven salt crust flour yeast water stone crumb loaf ash seed malt wheat bran Öl größe 面包".split()
FIELDS: dict[str, Any] = {
    "name": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
    "about": {"properties": {"long": {"type": "text"}, "by": {"type": "keyword"}}},
    "price": {"type": "double"},
    "many": {"type": "long"},
    "sold": {"type": "boolean"},
    "since": {"type": "date"},
    "from": {"type": "ip"},
    "place": {"type": "geo_point"},
    "tags": {"type": "keyword"},
    "free": {"type": "object", "enabled": False},
    "parts": {
        "type": "nested",
        "properties": {
            "kind": {"type": "keyword"},
            "number": {"type": "integer"},
            "of": {"type": "nested", "properties": {"grams": {"type": "float"}}},
        },
    },
}


@dataclass(frozen=True)
class Way:
    """An index of an application in one cluster, and the name of the index it is copied into in another."""

    old: OpenSearch
    old_url: str
    shop: str
    new: OpenSearch
    new_url: str
    index: str

    @property
    def analyzer(self) -> str:
        return "english" if read_dialect(self.new).distribution == "opensearch" else "standard"


def product(number: int) -> dict[str, Any]:
    """Return a product; some have no text, and what any may lack, some lack."""
    chance = random.Random(number)
    parts = [
        {"kind": chance.choice(WORDS), "number": number * 10 + part, "of": [{"grams": part / 4}, {"grams": 0.5}]}
        for part in range(number % 4)
    ]
    about = {"long": " ".join(chance.choices(WORDS, k=40)), "by": f"by-{number % 11}"}
    some = {"price": number / 4, "sold": number % 2 == 0, "since": f"2024-01-{number % 28 + 1:02}", "from": "10.0.0.7"}
    odd = {"many": 2**53 + number, "place": {"lat": 1.5, "lon": -2.25}, "tags": [], "free": {"a.b": [None, {"c": ""}]}}
    texts = {} if number % 7 == 3 else {"name": f"{chance.choice(WORDS)} {number}", "about": about}
    lacking = {"parts": None} if number % 13 == 5 else {"parts": parts}
    return {**texts, **some, **lacking, **(odd if number % 3 else {"tags": ["a", f"t{number % 9}"]})}


def routing_of(number: int) -> str | None:
    return f"r{number % 17}" if number % 3 == 0 else None


def text_of(source: dict[str, Any]) -> str:
    return f"{source['name']}\n{source['about']['long']}" if "name" in source else ""


def expected(number: int) -> tuple[str | None, dict[str, Any]]:
    source = product(number)
    text = text_of(source)
    weights = {WEIGHTS_FIELD: word_vector(text).weights} if text else {}
    name, about = source.get("name", ""), source.get("about", {}).get("long", "")
    parts = f":name={len(name)},about.long={len(about)}" if name else ":name!0,about.long!0"
    marked = {"text": text, "csplade_encoded": mark_of(word_contract().fingerprint, text) + parts}
    return routing_of(number), {**source, **marked, **weights}


def fill(client: OpenSearch, index: str) -> None:
    lines: list[dict[str, Any]] = []
    for number in range(COUNT):
        routing = routing_of(number)
        lines += [{"index": {"_id": f"p{number}", **({"routing": routing} if routing else {})}}, product(number)]
    answer = client.bulk(body=lines, index=index, params={"refresh": "true"})
    assert not answer["errors"], answer


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]} to {way[1]}")
def way(request: pytest.FixtureRequest, line_servers: LineServers) -> Iterator[Way]:
    old_url, new_url = map(line_servers.url, request.param)
    old, new, name = connect(old_url), connect(new_url), f"test-{uuid4().hex}"
    settings = {"number_of_shards": 3, "number_of_replicas": 0}
    body = {"settings": settings, "mappings": {"dynamic": "strict", "properties": FIELDS}}
    old.indices.create(index=f"{name}-shop", body=body)
    fill(old, f"{name}-shop")
    yield Way(old, old_url, f"{name}-shop", new, new_url, name)
    old.indices.delete(index=f"{name}-shop")
    new.indices.delete(index=name, params={"ignore_unavailable": "true"})


def content(client: OpenSearch, index: str) -> dict[str, tuple[str | None, dict[str, Any]]]:
    """Return routing and source of each document, by id."""
    source: object = {"exclude_vectors": False} if read_dialect(client).hides_weights else True
    client.indices.refresh(index=index)
    body = {"size": 10_000, "_source": source, "track_total_hits": True}
    hits = client.search(index=index, body=body)["hits"]
    assert hits["total"]["value"] == len(hits["hits"])
    return {hit["_id"]: (hit.get("_routing"), hit["_source"]) for hit in hits["hits"]}


def test_thousands_of_documents_arrive_with_routing_and_all_fields_and_the_source_is_as_before(
    run: Run, way: Way
) -> None:
    before = content(way.old, way.shop)
    assert before == {f"p{number}": (routing_of(number), product(number)) for number in range(COUNT)}
    where = ("--from", way.shop, "--to", way.index, "--url", way.new_url, "--from-url", way.old_url)
    done = run("reindex", *where, "--text-fields", "name,about.long", "--analyzer", way.analyzer, "--json")
    assert done.code == 0, done
    told = orjson.loads(done.out)
    assert [told[name] for name in ("in_source", "read", "indexed", "in_index")] == [COUNT] * 4
    assert [told[name] for name in ("skipped", "failed", "duplicates")] == [0] * 3
    assert told["one_moment"]
    assert told["without_text"] == sum(not text_of(product(number)) for number in range(COUNT))
    found = content(way.new, way.index)
    assert found.keys() == before.keys()
    differing = [number for number in range(COUNT) if found[f"p{number}"] != expected(number)]
    assert not differing, (found[f"p{differing[0]}"], expected(differing[0]))
    assert content(way.old, way.shop) == before


def test_what_was_copied_is_mapped_and_found_as_before(run: Run, way: Way) -> None:
    where = ("--from", way.shop, "--to", way.index, "--url", way.new_url, "--from-url", way.old_url)
    done = run(
        "reindex", *where, "--text-fields", "name,about.long", "--analyzer", way.analyzer, "--load-settings=fast"
    )
    assert done.code == 0, done
    way.new.indices.refresh(index=way.index)
    _, mapping = mapping_of(way.new, way.index)
    assert {name: mapping["properties"][name] for name in FIELDS} == FIELDS
    inner = {"nested": {"path": "parts.of", "query": {"term": {"parts.of.grams": 0.25}}}}
    for query in (
        {"nested": {"path": "parts", "query": inner}},
        {"term": {"tags": "t3"}},
        {"range": {"since": {"gte": "2024-01-20"}}},
        {"range": {"many": {"gt": 2**53 + 2000}}},
        {"term": {"name.raw": f"{product(12)['name']}"}},
    ):
        counts = [client.count(index=name, body={"query": query})["count"] for client, name in copies(way)]
        assert counts[0] == counts[1] > 0, query
    asked = {"query": {"term": {"about.by": "by-4"}}, "size": 1000, "_source": False}
    for routing in ("r0", "r6", "r12"):
        routed = [client.search(index=name, body=asked, params={"routing": routing}) for client, name in copies(way)]
        mine = [{hit["_id"] for hit in one["hits"]["hits"] if hit.get("_routing") == routing} for one in routed]
        assert mine[0] == mine[1] != set()


def copies(way: Way) -> tuple[tuple[OpenSearch, str], tuple[OpenSearch, str]]:
    return (way.old, way.shop), (way.new, way.index)
