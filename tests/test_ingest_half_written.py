"""A run that ends while it writes down what failed of a batch: the next run's dead letters and account are whole."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from csplade.integration.bulk_pace import PaceOptions
from csplade.integration.checkpoint import Checkpoint, Job
from csplade.integration.client import connect
from csplade.integration.dead_letters import DeadLetters
from csplade.integration.documents import Document, Rejected
from csplade.integration.index import create_index
from csplade.integration.ingest import IngestOptions, IngestReport, ingest
from csplade.integration.patience import Patience
from csplade.integration.templates import IndexOptions
from csplade.pipelines.errors import SourceError
from csplade.tests.small_disk import room_for
from csplade.tests.word_encoder import WordEncoder, word_contract
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

JOB = Job("digest", "articles", "uuid", "fingerprint", "options")
COUNT, BATCH = 60, 10
BAD = [1, 5, 9, 13, 17]
"""Some of the first two batches, whose years are none; the others are settled while those are written down."""


@pytest.fixture
def client(opensearch: str, index_name: str) -> Iterator[OpenSearch]:
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    client.indices.put_mapping(index=index_name, body={"properties": {"year": {"type": "integer"}}})
    yield client


@pytest.fixture
def options(index_name: str, tmp_path: Path) -> IngestOptions:
    quick = Patience(attempts=3, first_wait=0.01, longest_wait=0.02, outage=0.0)
    return IngestOptions(index_name, tmp_path / "dead.jsonl", pace=PaceOptions(documents=BATCH), patience=quick)


def documents() -> Iterator[Document]:
    for number in range(COUNT):
        year = "soon" if number in BAD else number
        record = {"_id": f"d{number}", "text": "bread " * 20, "year": year}
        yield Document(f"d{number}", "bread " * 20, fields={"year": year}, record=record)


def run(client: OpenSearch, options: IngestOptions, folder: Path) -> IngestReport:
    with Checkpoint.open(folder / "c", JOB) as checkpoint:
        return ingest(client, WordEncoder(), documents(), options, checkpoint=checkpoint)


def check_second_run(client: OpenSearch, options: IngestOptions, folder: Path) -> None:
    report = run(client, options, folder)
    assert report.read == report.indexed + report.skipped + report.failed == COUNT
    assert report.failed == len(BAD)
    letters = [orjson.loads(line) for line in options.dead_letters.read_bytes().splitlines()]
    assert sorted(letter["_id"] for letter in letters) == sorted(f"d{number}" for number in BAD)
    assert all("failed to parse field [year]" in letter["csplade_error"] for letter in letters)
    client.indices.refresh(index=options.index)
    assert client.count(index=options.index)["count"] == COUNT - len(BAD)


@pytest.mark.parametrize("letter", [0, 1, 4])
def test_stopped_between_two_letters_of_a_batch(
    client: OpenSearch,
    options: IngestOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    letter: int,
) -> None:
    add = DeadLetters.add
    added = 0

    def stopped(self: DeadLetters, failed: Document | Rejected, reason: str) -> None:
        nonlocal added
        add(self, failed, reason)
        added += 1
        if added == letter + 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(DeadLetters, "add", stopped)
        run(client, options, tmp_path)
    assert added > letter
    check_second_run(client, options, tmp_path)


@pytest.mark.parametrize("room", [400, 600, 900, 1200])
def test_without_room_for_a_letter(client: OpenSearch, options: IngestOptions, tmp_path: Path, room: int) -> None:
    told = r"(dead letters|checkpoint .*) cannot be written"
    with room_for(room), pytest.raises(SourceError, match=told):
        run(client, options, tmp_path)
    check_second_run(client, options, tmp_path)


def test_without_a_checkpoint_the_letters_are_those_of_whole_batches(
    client: OpenSearch, options: IngestOptions, tmp_path: Path
) -> None:
    one = replace(options, pace=replace(options.pace, requests=1))
    with room_for(1600), pytest.raises(SourceError, match="dead letters cannot be written"):
        ingest(client, WordEncoder(), documents(), one)
    names = [orjson.loads(line)["_id"] for line in options.dead_letters.read_bytes().splitlines()]
    assert names == [f"d{number}" for number in BAD if number < BATCH]
