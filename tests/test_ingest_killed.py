"""`csplade ingest` is ended at 20 moments, by `kill -9` and by Ctrl-C; each time the next run makes up for it.

The moments are spread by chance, the same each time, over all that a run does: from its start, over the index that it
makes and the settings that it changes, to its account.
"""

import random
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.index import mapping_of
from csplade.integration.load_settings import RECORD_KEY
from csplade.integration.templates import META_KEY
from csplade.tests.ingest_forks import Fork
from csplade.tests.test_ingest_faults import settings
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

MOMENTS = 20
SEED = 7
RECORDS = 300
POISON = (5, 133, RECORDS - 1)
TWICE, FIRST = 210, "20"
"""A record that has the id of an earlier one."""


def _moments() -> list[tuple[float, signal.Signals]]:
    chance = random.Random(SEED)
    kinds = [signal.SIGKILL, signal.SIGINT] * (MOMENTS // 2)
    chance.shuffle(kinds)
    return [((number + chance.random()) / MOMENTS, kind) for number, kind in enumerate(kinds)]


def records() -> list[dict[str, Any]]:  # Any: JSON values
    made: list[dict[str, Any]] = [{"_id": str(n), "text": f"bread {n}", "year": n} for n in range(RECORDS)]
    for number in POISON:
        made[number]["year"] = "soon"
    made[TWICE]["_id"] = FIRST
    return made


class Whole(NamedTuple):
    """A run that nobody ended."""

    seconds: float
    settings: dict[str, Any]  # Any: JSON values


def begin(folder: Path, url: str, index: str) -> Fork:
    """Start the run; in its folder there are, but for the source, only files of its own."""
    arguments = ["a.jsonl", "--index", index, "--url", url, "--batch", 20, "--load-settings", "fast", "--json"]
    return Fork(folder, arguments)


def source(folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in records()))


def lasting(client: OpenSearch, index: str) -> dict[str, Any]:  # Any: JSON values
    """Return the settings without those that each index has of its own."""
    own = {"index.uuid", "index.creation_date", "index.provided_name"}
    return {name: value for name, value in settings(client, index).items() if name not in own}


def found(client: OpenSearch, index: str) -> dict[str, str]:
    """Return the texts by id; a document that is there twice fails."""
    client.indices.refresh(index=index)
    hits = client.search(index=index, body={"size": 10_000, "_source": ["text"]})["hits"]["hits"]
    texts = {hit["_id"]: hit["_source"]["text"] for hit in hits}
    assert len(texts) == len(hits)
    return texts


@pytest.fixture(scope="module")
def whole(opensearch: str, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Let a run end, and take its time; the first one starts the process that the others are forked from."""
    client, seconds = connect(opensearch), 0.0
    for _ in range(2):
        folder, index = tmp_path_factory.mktemp("whole"), f"test-{uuid4().hex}"
        source(folder)
        began = time.monotonic()
        run = begin(folder, opensearch, index)
        assert run.ended() == 1, run.err
        seconds = time.monotonic() - began
        kept = lasting(client, index)
        client.indices.delete(index=index)
    return Whole(seconds, kept)


@pytest.mark.parametrize(("share", "kind"), _moments(), ids=lambda value: getattr(value, "name", f"{value}"[:5]))
def test_ended_at_any_moment_the_next_run_accounts_for_each_document(
    opensearch: str, whole: Whole, index_name: str, tmp_path: Path, share: float, kind: signal.Signals
) -> None:
    client = connect(opensearch)
    source(tmp_path)
    run = begin(tmp_path, opensearch, index_name)
    time.sleep(share * whole.seconds)
    run.send(kind)
    # 1: it was done before, and has failed documents; or it was stopped by hand.
    assert run.ended() in (-signal.SIGKILL, 1), run.err
    acknowledged = _check_between(client, index_name, tmp_path, whole)

    again = begin(tmp_path, opensearch, index_name)
    assert again.ended() == 1, again.err
    told = orjson.loads(again.out)
    assert told["read"] == RECORDS == told["indexed"] + told["skipped"] + told["failed"], again.err
    assert (told["skipped"], told["failed"], told["duplicates"]) == (len(acknowledged), len(POISON), 1)
    expected = {one["_id"]: one["text"] for one in records() if one["year"] != "soon"}
    assert (told["in_index"], found(client, index_name)) == (len(expected), expected)
    letters = [orjson.loads(line)["_id"] for line in (tmp_path / told["dead_letters"]).read_bytes().splitlines()]
    assert letters == [str(number) for number in POISON]
    assert lasting(client, index_name) == whole.settings
    assert RECORD_KEY not in mapping_of(client, index_name)[1]["_meta"][META_KEY]
    assert not list(tmp_path.glob("*.checkpoint"))


def _check_between(client: OpenSearch, index: str, folder: Path, whole: Whole) -> list[int]:
    """Check what holds also when a run was ended; return the numbers of the records that it says are indexed."""
    acknowledged = _acknowledged(folder)
    if not client.indices.exists(index=index):
        assert acknowledged == []
        return []
    texts, given = found(client, index), records()
    assert {given[number]["_id"] for number in acknowledged} <= texts.keys()
    assert all(text in {one["text"] for one in given if one["_id"] == name} for name, text in texts.items())
    recorded = RECORD_KEY in mapping_of(client, index)[1]["_meta"][META_KEY]
    assert recorded or lasting(client, index) == whole.settings
    return acknowledged


def _acknowledged(folder: Path) -> list[int]:
    """Read the checkpoint by what docs/ingesting.md says of it."""
    settled: set[int] = set()
    for path in folder.glob("*.checkpoint"):
        whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        for line in map(orjson.loads, whole[1:]):
            settled |= set(range(line["from"], line["to"])) - set(line["failed"])
    return sorted(settled)
