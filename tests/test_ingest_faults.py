"""Faults while documents go in: broken answers, a cluster that is away, kill -9; afterwards each is there once.

What must hold after each: every acknowledged document is there once, the account adds up, settings are as before.
"""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.bulk_pace import PaceOptions
from csplade.integration.checkpoint import Checkpoint, Job
from csplade.integration.client import connect
from csplade.integration.errors import ClusterError, IndexConflictError, RequestError, UnreachableError
from csplade.integration.index import create_index
from csplade.integration.index_mapping import keep_in_meta, mapping_of
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.ingest_report import check_count, count_if_allowed
from csplade.integration.load_settings import RECORD_KEY, LoadSettings, loading
from csplade.integration.patience import Patience
from csplade.integration.templates import META_KEY, IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.faulty_proxy import DROP, HALF, SLOW, FaultyProxy, running
from csplade.tests.ingest_process import kill_when_settled, settled, start
from csplade.tests.load_settings_kept import kept, load, settings
from csplade.tests.test_ingest import content, some_documents
from csplade.tests.word_encoder import WordEncoder, word_contract
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

PATIENT = Patience(attempts=2, first_wait=0.01, longest_wait=0.05, outage=60.0)
QUICK = replace(PATIENT, outage=0.0)
JOB = Job("digest", "articles", "uuid", "fingerprint", "options")
KILLS = 2
"""Of each line; the moments are drawn by chance, the same each time."""
RECORDS = 350 * (KILLS + 1)
LEFT = 200
"""Records that are not encoded when a run is killed, so that none can have come to its end."""


@pytest.fixture
def client(opensearch: str, index_name: str) -> Iterator[OpenSearch]:
    """Give a client with an index, whose settings must be what they were, whatever a test does."""
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    with kept(client, index_name):
        yield client


def options_for(index: str, folder: Path) -> IngestOptions:
    return IngestOptions(index, folder / "dead.jsonl", pace=PaceOptions(documents=10), patience=PATIENT)


@pytest.fixture
def options(index_name: str, tmp_path: Path) -> IngestOptions:
    return options_for(index_name, tmp_path)


@pytest.mark.parametrize("fault", [429, 503, DROP, HALF, SLOW])
def test_an_answer_that_is_broken_now_and_then_loses_nothing(line: ClusterLine, tmp_path: Path, fault: int) -> None:
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer))
    with (
        kept(line.client, line.index),
        running(FaultyProxy(line.url, [None, fault, fault, fault, None, fault])) as proxy,
    ):
        report = load(connect(proxy.url), some_documents(100), options_for(line.index, tmp_path))
        assert proxy.faults == []
    others = check_count(report, count_if_allowed(line.client, line.index), line.index, 0)
    assert (report.read, report.indexed, report.failed) == (100, 100, 0)
    # What the cluster did before its answer was cut is there when it is sent again, which may be done below us.
    assert (report.created < 100) == (fault == HALF)
    assert (others is not None) == (report.created + report.doubtful < 100)
    assert content(line.client, line.index).keys() == {f"d{number}" for number in range(100)}


def test_a_cluster_that_is_away_is_waited_for_and_the_run_goes_on(
    opensearch: str, client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    with running(FaultyProxy(opensearch)) as proxy:
        there = connect(proxy.url)

        def comes_back() -> None:
            proxy.locked = None

        timer = threading.Timer(1.5, comes_back)
        with loading(there, index_name, LoadSettings.FAST, options.patience):
            proxy.locked = 503
            timer.start()
            report = ingest(there, WordEncoder(), some_documents(100), options)
        timer.join()
    assert (report.read, report.indexed, report.failed) == (100, 100, 0)
    assert len(content(client, index_name)) == 100


def test_settings_that_cannot_be_put_back_are_told_and_the_next_load_puts_them_back(
    opensearch: str, client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    before = settings(client, index_name)
    with running(FaultyProxy(opensearch)) as proxy:
        there = connect(proxy.url)
        said = f"still be those of the load .*503.*csplade ingest --restore --index {index_name}"
        with pytest.raises(ClusterError, match=said), loading(there, index_name, LoadSettings.FAST, QUICK):
            assert ingest(there, WordEncoder(), some_documents(30), options).indexed == 30
            proxy.locked = 503
    assert settings(client, index_name) != before
    with loading(client, index_name, LoadSettings.SAFE):
        pass
    assert settings(client, index_name) == before
    assert len(content(client, index_name)) == 30


@pytest.mark.parametrize("times", [2, 1000])
def test_what_another_writer_of_the_mapping_undoes_is_written_again_or_said(
    client: OpenSearch, index_name: str, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    read_before = mapping_of(client, index_name)[1]["_meta"]
    late = {**read_before, META_KEY: {**read_before[META_KEY], "other": [1]}}
    left = times

    def meanwhile(_: float) -> None:
        nonlocal left
        if left:
            client.indices.put_mapping(index=index_name, body={"_meta": late})
            left -= 1

    # The other one writes in the moment before what was written is read again.
    monkeypatch.setattr("csplade.integration.index_mapping.time.sleep", meanwhile)
    if times > 10:
        with pytest.raises(IndexConflictError, match=f"'{index_name}' .own. was undone by others 10 times"):
            keep_in_meta(client, index_name, {"own": [2]})
        return
    keep_in_meta(client, index_name, {"own": [2]})
    kept = mapping_of(client, index_name)[1]["_meta"][META_KEY]
    assert (left, kept["own"], kept["other"]) == (0, [2], [1])


def test_a_full_disk_is_waited_for_and_a_block_by_hand_stops_the_run(
    client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    def block(name: str, value: bool | None) -> None:
        client.indices.put_settings(index=index_name, body={f"index.blocks.{name}": value})

    with loading(client, index_name, LoadSettings.FAST, options.patience):
        block("read_only_allow_delete", True)
        timer = threading.Timer(1.0, block, ("read_only_allow_delete", None))
        timer.start()
        assert ingest(client, WordEncoder(), some_documents(30), options).indexed == 30
        timer.join()
    block("write", True)
    with pytest.raises(RequestError, match=r"the index takes no documents .*look at its blocks"):
        load(client, some_documents(30), options)
    assert not options.dead_letters.exists()
    block("write", None)


def test_a_run_that_lost_its_cluster_goes_on_from_its_checkpoint_with_its_dead_letters(
    opensearch: str, client: OpenSearch, options: IngestOptions, index_name: str, tmp_path: Path
) -> None:
    short = replace(options, pace=replace(options.pace, requests=1), patience=replace(PATIENT, outage=0.0))
    documents = list(some_documents(60))
    documents[3] = replace(documents[3], fields={"year": "soon"})
    documents[44] = replace(documents[44], fields={"year": "late"})
    path = tmp_path / "a.checkpoint"
    with (
        running(FaultyProxy(opensearch, [None, None] + [DROP] * 20)) as proxy,
        Checkpoint.open(path, JOB) as first,
        pytest.raises(UnreachableError),
    ):
        load(connect(proxy.url), documents, short, checkpoint=first)
    assert len(content(client, index_name)) == 19
    with Checkpoint.open(path, JOB) as second:
        report = load(client, documents, short, checkpoint=second)
    assert (report.read, report.indexed, report.skipped, report.failed) == (60, 39, 19, 2)
    check_count(report, count_if_allowed(client, index_name), index_name)
    assert [orjson.loads(line)["_id"] for line in options.dead_letters.read_bytes().splitlines()] == ["d3", "d44"]


def test_what_is_sent_again_because_its_answer_is_late_is_there_once(
    opensearch: str, client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    # The proxy holds a slow request for longer than it is waited for, and then still passes it on.
    hasty = replace(options, patience=replace(PATIENT, request_seconds=3))
    with running(FaultyProxy(opensearch, [None, SLOW, SLOW, None, SLOW], slow_seconds=6)) as proxy:
        report = load(connect(proxy.url), some_documents(60), hasty)
        assert proxy.bulks >= 6 + 3
        # What was given up arrives as well.
        time.sleep(7)
    assert (report.read, report.indexed, report.failed) == (60, 60, 0)
    assert (report.created, report.doubtful) == (60, 0)
    assert check_count(report, count_if_allowed(client, index_name), index_name, 0) is None
    assert content(client, index_name).keys() == {f"d{number}" for number in range(60)}


def test_several_requests_go_at_once_while_documents_are_encoded(
    opensearch: str, client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    # Each answer is held for a second, in which the next request must come.
    with running(FaultyProxy(opensearch, [SLOW] * 8)) as proxy:
        load(connect(proxy.url), some_documents(80), options)
        assert 2 <= proxy.most_at_once <= options.pace.requests
    assert len(content(client, index_name)) == 80


@pytest.mark.parametrize("seed", [11])
def test_killed_at_random_moments_it_goes_on_and_accounts_for_each_document(
    line: ClusterLine, tmp_path: Path, seed: int
) -> None:
    """Also the dead letters are as if nothing had happened, and the settings of the load are taken back."""
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer))
    before = settings(line.client, line.index)
    records: list[dict[str, Any]] = [
        {"_id": str(number), "text": f"bread {number}", "year": number} for number in range(RECORDS)
    ]
    for number in (5, 333, RECORDS - 1):
        records[number]["year"] = "soon"
    # The later of two documents stays.
    records[650]["_id"] = "20"
    (tmp_path / "a.jsonl").write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in records))
    arguments = ["a.jsonl", "--index", line.index, "--url", line.url, "--batch", 20, "--json"]
    chance = random.Random(seed)
    for number in range(1, KILLS + 1):
        done = settled(tmp_path)
        process = start(tmp_path, [*arguments, "--load-settings", "fast"], most=RECORDS - LEFT - done)
        kill_when_settled(process, tmp_path, chance.randint(done + 1, RECORDS * number // (KILLS + 1)))
    out, err = start(tmp_path, arguments).communicate(timeout=300)
    told = orjson.loads(out)
    assert told["skipped"] >= KILLS, err
    assert told["read"] == RECORDS == told["indexed"] + told["skipped"] + told["failed"], err
    assert (told["failed"], told["duplicates"], told["in_index"]) == (3, 1, RECORDS - 4)
    found = line.client.search(index=line.index, body={"size": 10_000, "_source": ["text"]})["hits"]["hits"]
    expected = {one["_id"]: one["text"] for one in records if one["year"] != "soon"}
    assert {hit["_id"]: hit["_source"]["text"] for hit in found} == expected
    (letters,) = tmp_path.glob("*.failed*.jsonl")
    assert [orjson.loads(letter)["_id"] for letter in letters.read_bytes().splitlines()] == [
        "5",
        "333",
        str(RECORDS - 1),
    ]
    assert settings(line.client, line.index) == before
    assert RECORD_KEY not in mapping_of(line.client, line.index)[1]["_meta"][META_KEY]
    assert not list(tmp_path.glob("*.checkpoint"))
