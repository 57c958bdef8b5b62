"""Ingest into a real server: what arrives, what a second run changes (nothing), and what failures leave behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.bulk_pace import PaceOptions
from csplade.integration.client import connect
from csplade.integration.documents import Document, RecordOptions, Rejected, mark_of, read_documents
from csplade.integration.errors import RequestError
from csplade.integration.index import create_index
from csplade.integration.ingest import IngestOptions, IngestReport, ingest
from csplade.integration.patience import Patience
from csplade.integration.templates import IndexOptions
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.sources import find_source
from csplade.pipelines.sparse import SparseVector
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.load_settings_kept import kept, load
from csplade.tests.word_encoder import READ_AHEAD, WordEncoder, word_contract, word_vector
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

QUICK = Patience(attempts=3, first_wait=0.01, longest_wait=0.02, outage=0.0)
WORDS = ["bread", "salt", "butter", "knife", "oven"]


@pytest.fixture
def client(opensearch: str, index_name: str) -> Iterator[OpenSearch]:
    """Give a client with an index, whose settings must be what they were, whatever a test does."""
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    with kept(client, index_name):
        yield client


@pytest.fixture
def options(index_name: str, tmp_path: Path) -> IngestOptions:
    return IngestOptions(index_name, tmp_path / "dead.jsonl", pace=PaceOptions(documents=10), patience=QUICK)


def some_documents(count: int) -> Iterator[Document]:
    for number in range(count):
        text = " ".join(WORDS[: number % 5 + 1])
        yield Document(
            f"d{number}", text, f"Title {number}", {"year": 1900 + number, "kind": ["even", "odd"][number % 2]}
        )


def content(client: OpenSearch, index: str) -> dict[str, Any]:
    client.indices.refresh(index=index)
    hits = client.search(index=index, body={"size": 10_000, "track_total_hits": True})["hits"]
    assert hits["total"]["value"] == len(hits["hits"])
    return {hit["_id"]: hit["_source"] for hit in hits["hits"]}


def dead_letters(options: IngestOptions) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in options.dead_letters.read_bytes().splitlines()]


def test_documents_arrive_with_text_fields_and_weights(
    client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    report = ingest(client, WordEncoder(), some_documents(57), options)
    assert (report.read, report.indexed, report.failed) == (57, 57, 0)
    assert not options.dead_letters.exists()
    expected = {
        document.id: {
            "text": document.text,
            "title": document.title,
            **(document.fields or {}),
            "csplade_terms": word_vector(document.text).weights,
            "csplade_encoded": mark_of(word_contract().fingerprint, document.text),
        }
        for document in some_documents(57)
    }
    assert content(client, index_name) == expected


def test_weights_text_and_fields_can_be_searched_at_once_without_a_refresh_of_ours(
    client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    ingest(client, WordEncoder(), some_documents(20), options)
    weights = {"rank_feature": {"field": "csplade_terms.butter", "linear": {}, "boost": 2.0}}
    (top, *_) = client.search(index=index_name, body={"query": weights})["hits"]["hits"]
    assert top["_score"] == pytest.approx(2.0 * len("butter"), rel=0.004)
    for query, hits in [
        ({"match": {"text": "ovens"}}, 4),
        ({"match": {"title": "7"}}, 1),
        ({"term": {"kind": "odd"}}, 10),
    ]:
        assert client.search(index=index_name, body={"query": query})["hits"]["total"]["value"] == hits


def test_a_second_run_changes_nothing(client: OpenSearch, options: IngestOptions, index_name: str) -> None:
    first = ingest(client, WordEncoder(), some_documents(33), options)
    before = content(client, index_name)
    second = ingest(client, WordEncoder(), some_documents(33), options)
    assert (first.indexed, second.indexed) == (33, 33)
    assert content(client, index_name) == before


def test_a_document_without_words_is_indexed_without_weights(
    client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    report = ingest(client, WordEncoder(), [Document("1", ""), Document("2", " . "), Document("3", "salt")], options)
    assert (report.read, report.indexed) == (3, 3)
    stored = content(client, index_name)
    assert [stored[name].keys() for name in ("1", "2")] == [{"text", "csplade_encoded"}] * 2
    assert [stored[name]["text"] for name in ("1", "2")] == ["", " . "]
    assert stored["3"]["csplade_terms"] == {"salt": 4.0}


def test_nothing_at_all_is_a_run_of_zero(client: OpenSearch, options: IngestOptions) -> None:
    report = ingest(client, WordEncoder(), [], options)
    assert (report.read, report.indexed, report.failed) == (0, 0, 0)


def test_the_later_of_two_documents_with_one_id_stays_even_if_the_earlier_had_to_wait(
    opensearch: str, client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.refused = {"1": [429, 429]}
        twice = [Document("1", "early"), Document("2", "other"), Document("1", "late")]
        report = load(connect(proxy.url), twice, options)
    assert (report.read, report.indexed, report.failed) == (3, 3, 0)
    assert content(client, index_name)["1"]["text"] == "late"


def test_a_cluster_that_is_busy_now_and_then_gets_everything(
    opensearch: str, client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    with running(FaultyProxy(opensearch, [503])) as proxy:
        proxy.refused = {"d13": [429], "d44": [503, 429], "d45": [503]}
        report = load(connect(proxy.url), some_documents(50), options)
    assert (report.read, report.indexed, report.failed) == (50, 50, 0)
    assert content(client, index_name).keys() == {f"d{number}" for number in range(50)}


def test_failed_documents_are_written_down_and_go_in_once_mended(
    client: OpenSearch, options: IngestOptions, index_name: str, tmp_path: Path
) -> None:
    source = tmp_path / "records.jsonl"
    years = [2000, 2001, "soon", 2003, "later"]
    source.write_bytes(
        b"".join(orjson.dumps({"n": i, "body": f"bread {i}", "year": y}) + b"\n" for i, y in enumerate(years))
    )
    fields = RecordOptions("n", ("body",))
    report = load(client, read_documents(find_source(str(source)).records(), fields), options)
    assert (report.read, report.indexed, report.failed) == (5, 3, 2)
    letters = dead_letters(options)
    assert [(letter["n"], letter["body"], letter["year"]) for letter in letters] == [
        (2, "bread 2", "soon"),
        (4, "bread 4", "later"),
    ]
    assert all("failed to parse field [year]" in letter["csplade_error"] for letter in letters)
    assert report.first_reason == letters[0]["csplade_error"]

    mended = tmp_path / "mended.jsonl"
    mended.write_bytes(b"".join(orjson.dumps(letter | {"year": 2010}) + b"\n" for letter in letters))
    again = IngestOptions(index_name, tmp_path / "dead2.jsonl")
    assert ingest(client, WordEncoder(), read_documents(find_source(str(mended)).records(), fields), again).indexed == 2
    stored = content(client, index_name)
    del stored["2"]["csplade_encoded"]
    assert stored["2"] == {"n": 2, "text": "bread 2", "year": 2010, "csplade_terms": {"bread": 5.0, "2": 1.0}}
    assert stored.keys() == set("01234")


def test_rejected_records_and_unwritable_documents_are_counted_as_failed(
    client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    documents: list[Document | Rejected] = [
        Document("1", "salt"),
        Rejected(2, "is not JSON", raw="{"),
        Document("3", "half \ud800"),
    ]
    report = load(client, documents, options)
    assert (report.read, report.indexed, report.failed) == (3, 1, 2)
    assert report.first_reason == "line 2 is not JSON"
    assert [letter["csplade_raw"][:1] for letter in dead_letters(options)] == ["{", "{"]
    assert content(client, index_name).keys() == {"1"}


def test_a_cluster_that_stops_taking_documents_stops_the_run_and_the_same_run_mends_it(
    opensearch: str, client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    seen: list[IngestReport] = []
    with running(FaultyProxy(opensearch, [None, None] + [503] * 9)) as proxy, pytest.raises(RequestError, match="503"):
        one = replace(options, pace=replace(options.pace, requests=1))
        load(connect(proxy.url), some_documents(50), one, seen.append)
    assert seen[-1].indexed == 20
    assert not options.dead_letters.exists()
    assert len(content(client, index_name)) == 20
    assert ingest(client, WordEncoder(), some_documents(50), options).indexed == 50
    assert len(content(client, index_name)) == 50


def test_only_the_batches_on_their_way_and_what_the_encoder_reads_ahead_are_held(
    client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    taken = done = most = 0

    def counted() -> Iterator[Document]:
        nonlocal taken, most
        for document in some_documents(100):
            taken += 1
            most = max(most, taken - done)
            yield document

    def progress(report: IngestReport) -> None:
        nonlocal done
        assert done <= report.indexed <= report.read <= taken
        done = report.indexed

    ingest(client, WordEncoder(), counted(), options, progress)
    assert done == 100
    assert most <= (options.pace.requests + 1) * options.pace.documents + 2 * READ_AHEAD


def test_progress_is_told_of_batches_and_ten_times_a_second(
    client: OpenSearch, options: IngestOptions, index_name: str
) -> None:
    told: list[IngestReport] = []
    began = time.monotonic()
    ingest(client, WordEncoder(), some_documents(2000), replace(options, pace=PaceOptions(documents=200)), told.append)
    batches, moments = 10, (time.monotonic() - began) / 0.1
    assert batches <= len(told) <= batches + moments + 2
    assert (told[-1].read, told[-1].indexed) == (2000, 2000)


def test_a_batch_is_bounded_in_bytes(opensearch: str, client: OpenSearch, index_name: str, tmp_path: Path) -> None:
    options = IngestOptions(index_name, tmp_path / "dead.jsonl", pace=PaceOptions(bytes=1000), patience=QUICK)
    with running(FaultyProxy(opensearch, largest=1000)) as proxy:
        documents = [Document(str(number), "x" * 300) for number in range(9)]
        report = load(connect(proxy.url), [*documents, Document("large", "y" * 2000)], options)
    assert (report.indexed, report.failed) == (9, 1)
    # A document holds its text and one term of the same length: each needs a request of its own.
    assert proxy.bulks == 10


def test_an_encoder_that_loses_a_text_is_told(client: OpenSearch, options: IngestOptions) -> None:
    class Forgetful(WordEncoder):
        def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
            yield from list(super().documents(texts))[1:]

    with pytest.raises(EncoderError, match="gave no vector for 1 texts"):
        ingest(client, Forgetful(), some_documents(5), options)


SLOW_RUN = """
import sys, time
from pathlib import Path
from csplade.integration.bulk_pace import PaceOptions
from csplade.integration.client import connect
from csplade.integration.ingest import IngestOptions, ingest
from csplade.tests.test_ingest import some_documents
from csplade.tests.word_encoder import WordEncoder

url, index, folder = sys.argv[1:]
def slowly():
    for number, document in enumerate(some_documents(800)):
        time.sleep(0.005)
        while number == 700:
            time.sleep(1)
        yield document
options = IngestOptions(index, Path(folder) / "dead.jsonl", pace=PaceOptions(documents=20))
ingest(connect(url), WordEncoder(), slowly(), options)
"""


def test_killed_half_way_and_run_again_gives_the_same_index(
    opensearch: str, client: OpenSearch, options: IngestOptions, index_name: str, tmp_path: Path
) -> None:
    process = subprocess.Popen([sys.executable, "-c", SLOW_RUN, opensearch, index_name, str(tmp_path)])
    try:
        deadline = time.monotonic() + 60
        while len(content(client, index_name)) < 100 and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 100 <= len(content(client, index_name)) < 800

    assert ingest(client, WordEncoder(), some_documents(800), options).indexed == 800
    again = content(client, index_name)
    client.indices.delete(index=index_name)
    create_index(client, index_name, word_contract(), IndexOptions())
    ingest(client, WordEncoder(), some_documents(800), options)
    assert content(client, index_name) == again
    assert len(again) == 800
