"""An application's index, of a mapping of its own, copied into one of ours on real servers, killed and changed."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.bulk_pace import PaceOptions
from csplade.integration.checkpoint import Checkpoint, Job
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.dialect import Dialect
from csplade.integration.documents import mark_of
from csplade.integration.index import create_index, require_index
from csplade.integration.index_mapping import mapping_of
from csplade.integration.ingest import IngestOptions
from csplade.integration.load_settings import LoadSettings, loading
from csplade.integration.patience import Patience
from csplade.integration.query import QueryOptions, Question
from csplade.integration.reindex import Origin, ReindexReport, reindex
from csplade.integration.search import search
from csplade.integration.templates import WEIGHTS_FIELD, IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Run, run
from csplade.tests.faulty_proxy import DROP, HALF, SLOW, FaultyProxy, running
from csplade.tests.ingest_process import kill_when_settled, start
from csplade.tests.load_settings_kept import kept
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector
from opensearchpy import OpenSearch

__all__ = ["run"]

pytestmark = pytest.mark.cluster

SHOP = {
    "settings": {
        "number_of_shards": 3,
        "number_of_replicas": 0,
        "analysis": {"analyzer": {"codes": {"type": "standard", "max_token_length": 20}}},
    },
    "mappings": {
        "dynamic": "strict",
        "properties": {
            "name": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
            "about": {"properties": {"long": {"type": "text"}}},
            "code": {"type": "text", "analyzer": "codes"},
            "price": {"type": "double"},
            "place": {"type": "geo_point"},
            "parts": {"type": "nested", "properties": {"kind": {"type": "keyword"}, "number": {"type": "integer"}}},
        },
    },
}
COUNT = 57
KILLED, LEFT = 1000, 400
"""A run over so many documents is killed, of which so many are not encoded, so that it cannot have come to its end."""
FAULTS = [429, 503, DROP, HALF, SLOW]
QUICK = Patience(attempts=3, first_wait=0.01, longest_wait=0.05, outage=0.0)


def product(number: int) -> dict[str, Any]:
    """Return a product; each seventh has no text."""
    text = {} if number % 7 == 3 else {"name": f"bread {number}", "about": {"long": f"salt {number % 5}"}}
    part = {"kind": "crumb", "number": number}
    return {**text, "code": f"B-{number}", "price": number / 4, "place": {"lat": 1.5, "lon": 2.0}, "parts": [part]}


def text_of(source: dict[str, Any]) -> str:
    return f"{source['name']}\n{source['about']['long']}" if "name" in source else ""


def routing_of(number: int) -> dict[str, str]:
    return {"routing": f"r{number % 4}"} if number % 3 == 0 else {}


def fill(client: OpenSearch, index: str, numbers: range) -> None:
    lines: list[dict[str, Any]] = []
    for number in numbers:
        lines += [{"index": {"_id": f"p{number}", **routing_of(number)}}, product(number)]
    assert not client.bulk(body=lines, index=index, params={"refresh": "true"})["errors"]


@contextmanager
def filled_shop(url: str, index: str, count: int = COUNT) -> Iterator[str]:
    """Make an index of an application for the test of an index, give its name, and delete it."""
    client, name = connect(url), f"{index}-shop"
    client.indices.create(index=name, body=SHOP)
    try:
        fill(client, name, range(count))
        yield name
    finally:
        client.indices.delete(index=name)


@pytest.fixture
def shop(opensearch: str, index_name: str) -> Iterator[str]:
    """Give the name of an index of an application, on OpenSearch 3.8."""
    with filled_shop(opensearch, index_name) as name:
        yield name


def origin_at(url: str, shop: str) -> Origin:
    client = connect(url)
    return Origin(client, shop, read_dialect(client), ("name", "about.long"), slices=5, page=4)


@pytest.fixture
def origin(opensearch: str, shop: str) -> Origin:
    return origin_at(opensearch, shop)


@pytest.fixture
def target(opensearch: str, index_name: str) -> Iterator[OpenSearch]:
    """Give a client with the index that is copied into, whose settings must be what they were, whatever a test does."""
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    with kept(client, index_name):
        yield client


def options_for(index: str, folder: Path) -> IngestOptions:
    return IngestOptions(index, folder / "dead.jsonl", pace=PaceOptions(documents=6), patience=QUICK)


@pytest.fixture
def options(index_name: str, tmp_path: Path) -> IngestOptions:
    return options_for(index_name, tmp_path)


def content(client: OpenSearch, index: str, dialect: Dialect) -> dict[str, Any]:
    client.indices.refresh(index=index)
    source: Any = {"exclude_vectors": False} if dialect.hides_weights else True
    body = {"size": 10_000, "_source": source, "track_total_hits": True}
    hits = client.search(index=index, body=body)["hits"]
    assert hits["total"]["value"] == len(hits["hits"])
    return {hit["_id"]: (hit.get("_routing"), hit["_source"]) for hit in hits["hits"]}


def expected(number: int) -> tuple[str | None, dict[str, Any]]:
    source = product(number)
    text = text_of(source)
    vector = word_vector(text)
    name, about = source.get("name", ""), source.get("about", {}).get("long", "")
    parts = f":name={len(name)},about.long={len(about)}" if name else ":name!0,about.long!0"
    ours = {"text": text, "csplade_encoded": mark_of(word_contract().fingerprint, text) + parts}
    weights = {WEIGHTS_FIELD: vector.weights} if vector else {}
    return routing_of(number).get("routing"), {**source, **ours, **weights}


def account(found: ReindexReport) -> tuple[int, int, int, int]:
    one = found.account
    assert one.read == one.indexed + one.skipped + one.failed == found.in_source + found.gone
    return one.read, one.indexed, one.skipped, one.failed


def test_every_field_id_routing_and_mapping_arrives_from_opensearch_on_every_line(
    run: Run, line: ClusterLine, opensearch: str
) -> None:
    with filled_shop(opensearch, line.index) as name:
        where = ("--from", name, "--to", line.index, "--url", line.url, "--from-url", opensearch)
        fields = ("--text-fields", "name,about.long", "--analyzer", line.analyzer)
        done = run("reindex", *where, *fields, "--slices", 7, "--json")
        assert done.code == 0, done
    told = orjson.loads(done.out)
    empty = sum(not text_of(product(number)) for number in range(COUNT))
    assert {key: told[key] for key in ("in_source", "read", "indexed", "skipped", "failed", "in_index")} == {
        **dict.fromkeys(("in_source", "read", "indexed", "in_index"), COUNT),
        **dict.fromkeys(("skipped", "failed"), 0),
    }
    assert (told["without_text"], told["one_moment"], told["duplicates"]) == (empty, True, 0)
    assert content(line.client, line.index, line.dialect) == {f"p{n}": expected(n) for n in range(COUNT)}
    _, mapping = mapping_of(line.client, line.index)
    taken = SHOP["mappings"]["properties"]  # type: ignore[index]
    assert {key: mapping["properties"][key] for key in taken} == taken
    assert mapping["dynamic"] == "strict"
    asked = QueryOptions(dialect=require_index(line.client, line.index, word_contract()))
    (first, *_) = search(line.client, line.index, Question("salt bread 12", word_vector("salt bread 12")), asked)
    assert (first.id, first.score) == ("p12", 45.0)
    nested = {"nested": {"path": "parts", "query": {"term": {"parts.number": 12}}}}
    assert line.client.count(index=line.index, body={"query": nested})["count"] == 1


@pytest.mark.parametrize("seed", [13])
def test_killed_at_random_moments_while_the_source_changes_it_accounts_for_each_document(
    line: ClusterLine, tmp_path: Path, seed: int
) -> None:
    count = KILLED
    with filled_shop(line.url, line.index, count) as name:
        where = ["--from", name, "--to", line.index, "--url", line.url, "--text-fields", "name,about.long"]
        arguments = [*where, "--analyzer", line.analyzer, "--batch", 20, "--slices", 3, "--json"]
        process = start(tmp_path, [*arguments, "--load-settings", "safe"], "reindex", most=KILLED - LEFT)
        kill_when_settled(process, tmp_path, random.Random(seed).randint(1, KILLED // 2))
        # One that was there changes, and one is new.
        line.client.index(index=name, id="p0", body={**product(0), "price": 1000.0}, params={**routing_of(0)})
        fill(line.client, name, range(count, count + 1))
        count += 1
        out, err = start(tmp_path, arguments, "reindex").communicate(timeout=300)
        assert out, err
        told = orjson.loads(out)
        assert told["read"] == told["in_source"] == count == told["indexed"] + told["skipped"] + told["failed"]
        assert told["skipped"] > 0, err
        assert (told["failed"], told["changed"], told["in_index"]) == (0, 0, count)
        found = content(line.client, line.index, line.dialect)
    assert found.keys() == {f"p{number}" for number in range(count)}
    for number in range(count):
        routing, source = expected(number)
        assert found[f"p{number}"] == (routing, {**source, **({} if number else {"price": 1000.0})})
    settings = line.client.indices.get_settings(index=line.index)[line.index]["settings"]["index"]
    assert settings["refresh_interval"] == "5s"
    assert not list(tmp_path.glob("*.checkpoint"))


def test_a_run_goes_on_with_its_dead_letters_and_tells_what_has_been_mended(
    origin: Origin, target: OpenSearch, options: IngestOptions, index_name: str, tmp_path: Path
) -> None:
    # The new index takes no such prices.
    target.indices.put_mapping(index=index_name, body={"properties": {"price": {"type": "byte"}}})
    for number in (11, 30):
        body = {**product(number), "price": 1e9}
        origin.client.index(index=origin.index, id=f"p{number}", body=body, params={**routing_of(number)})
    path, job = tmp_path / "a.checkpoint", Job("index", "shop", "uuid", "fingerprint", "options")
    with Checkpoint.open(path, job) as first:
        assert account(reindex(origin, target, WordEncoder(), options, None, first)) == (COUNT, COUNT - 2, 0, 2)
    # One failure is mended, the other stays; of those that were fine one is deleted.
    params = routing_of(11)
    origin.client.index(index=origin.index, id="p11", body=product(11), params={**params, "refresh": "true"})
    origin.client.delete(index=origin.index, id="p12", params={**routing_of(12), "refresh": "true"})
    with Checkpoint.open(path, job) as second:
        found = reindex(origin, target, WordEncoder(), options, None, second)
    assert account(found) == (COUNT, 1, COUNT - 3, 2)
    assert (found.gone, found.in_source) == (1, COUNT - 1)
    letters = [orjson.loads(line)["_id"] for line in options.dead_letters.read_bytes().splitlines()]
    assert sorted(letters) == ["p11", "p30"]


def test_a_cluster_without_points_in_time_is_read_all_the_same_and_that_is_told(
    run: Run, opensearch: str, index_name: str, shop: str
) -> None:
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.unknown = "point_in_time"
        where = ("--from", shop, "--to", index_name, "--url", opensearch, "--from-url", proxy.url)
        done = run("reindex", *where, "--text-fields", "name,about.long", "--json")
    assert done.code == 0, done
    assert (orjson.loads(done.out)["indexed"], orjson.loads(done.out)["one_moment"]) == (COUNT, False)
    assert "has no points in time" in done.err


def test_a_source_that_is_away_for_a_while_is_waited_for(
    opensearch: str, origin: Origin, target: OpenSearch, options: IngestOptions
) -> None:
    patient = replace(options, patience=replace(QUICK, outage=60.0))
    with running(FaultyProxy(opensearch)) as proxy:
        there = replace(origin, client=connect(proxy.url))
        timer = threading.Timer(1.0, setattr, (proxy, "locked", None))

        def away_at_first(report: object) -> None:
            if not timer.is_alive() and not timer.finished.is_set():
                proxy.locked = 503
                timer.start()

        with loading(target, options.index, LoadSettings.FAST):
            found = reindex(there, target, WordEncoder(), patient, away_at_first)
        timer.join()
    assert account(found) == (COUNT, COUNT, 0, 0)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("part", ["_search?", "_refresh", "POINT"])
def test_a_source_whose_answers_are_broken_now_and_then_is_copied_exactly_on_every_line(
    line: ClusterLine, tmp_path: Path, part: str, fault: int
) -> None:
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer))
    if part == "POINT":
        part = "point_in_time" if line.dialect.distribution == "opensearch" else "/_pit"
    with filled_shop(line.url, line.index) as name, kept(line.client, line.index):
        origin, options = origin_at(line.url, name), options_for(line.index, tmp_path)
        copied_exactly(line.url, origin, line.client, options, part, fault)


def copied_exactly(url: str, origin: Origin, target: OpenSearch, options: IngestOptions, part: str, fault: int) -> None:
    """Copy an index while requests whose path holds `part` meet a fault, and check all that arrives."""
    patient = replace(options, patience=replace(QUICK, attempts=9))
    with running(FaultyProxy(url)) as proxy:
        # What is only slow is asked once.
        proxy.troubles[part] = [fault] if fault == SLOW else [fault, fault]
        there = replace(origin, client=connect(proxy.url))
        with loading(target, options.index, LoadSettings.FAST):
            found = reindex(there, target, WordEncoder(), patient)
        assert proxy.troubles[part] == []
    assert account(found) == (COUNT, COUNT, 0, 0)
    assert found.frozen
    dialect = origin.dialect
    assert content(target, options.index, dialect) == {f"p{number}": expected(number) for number in range(COUNT)}


def test_a_new_version_is_filled_from_the_live_one(run: Run, opensearch: str, index_name: str, shop: str) -> None:
    first = run("reindex", "--from", shop, "--to", index_name, "--url", opensearch, "--text-fields", "name")
    assert first.code == 0, first
    second = run("reindex", "--from", index_name, "--to", f"{index_name}-v2", "--url", opensearch, "--json")
    client = connect(opensearch)
    try:
        assert second.code == 0, second
        assert orjson.loads(second.out)["text_fields"] == ["name"]
        dialect = read_dialect(client)
        assert content(client, f"{index_name}-v2", dialect) == content(client, index_name, dialect)
    finally:
        client.indices.delete(index=f"{index_name}-v2")


@pytest.mark.parametrize(
    ("changed", "sentence", "code"),
    [
        ({"--text-fields": "body"}, "has no field 'body' (its text fields: about.long, code, name)", 2),
        ({"--text-fields": None}, "has no field 'text'", 2),
        ({"--text-fields": "name,"}, "must be names with commas between them", 2),
        ({"--from": "nothing"}, "there is no index 'nothing' to copy", 1),
        ({"--to": "SHOP"}, "are the same index", 1),
        ({"--to": "Upper"}, "cannot be the name of an index", 2),
    ],
)
def test_what_cannot_be_copied_is_one_sentence_and_creates_nothing(
    run: Run, opensearch: str, index_name: str, shop: str, changed: dict[str, str | None], sentence: str, code: int
) -> None:
    given: dict[str, str | None] = {"--from": shop, "--to": index_name, "--url": opensearch, "--text-fields": "name"}
    asked = {**given, **{key: shop if value == "SHOP" else value for key, value in changed.items()}}
    result = run("reindex", *(part for pair in asked.items() if pair[1] is not None for part in pair))
    assert (result.code, result.out) == (code, ""), result
    assert sentence in result.err
    assert result.err.startswith("Error: ")
    assert result.err.count("\n") == 1
    assert not connect(opensearch).indices.exists(index=index_name)


def test_the_source_has_an_environment_of_its_own(
    run: Run, opensearch: str, index_name: str, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSPLADE_URL", opensearch)
    monkeypatch.setenv("CSPLADE_FROM_URL", "http://127.0.0.1:9")
    refused = run("reindex", "--from", shop, "--to", index_name, "--text-fields", "name")
    assert refused.code == 1
    assert "no cluster answers at http://127.0.0.1:9" in refused.err
    assert (
        run("reindex", "--from", shop, "--to", index_name, "--text-fields", "name", "--from-url", opensearch).code == 0
    )
