"""`csplade ingest` is ended at 20 moments, by `kill -9` and by Ctrl-C; each time the next run makes up for it.

The moments are drawn by chance, the same each time, as numbers of records that are settled. The encoder never gives the
last texts, so that none of these runs can have come to its end. What a run does before its first document and after its
last one is ended at single requests.
"""

import random
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.index_mapping import mapping_of
from csplade.integration.load_settings import RECORD_KEY
from csplade.integration.templates import META_KEY
from csplade.tests.ingest_forks import Ending, Fork
from csplade.tests.load_settings_kept import settings
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

MOMENTS = 20
SEED = 7
BATCH, FLYING = 20, 4
LEFT = 3 * BATCH
"""Records that are not encoded when a run is ended."""
RECORDS = 400
POISON = (5, 133, RECORDS - 1)
TWICE, FIRST = 210, "20"
"""A record that has the id of an earlier one."""
# What flies, and the batch that is open, may wait for the next text before they are written down.
MOST = RECORDS - LEFT - (FLYING + 1) * BATCH
_SECONDS = 60


def _moments() -> list[tuple[int, signal.Signals]]:
    """Return numbers of settled records from 1 to `MOST`, one of each twentieth, and how a run is ended there."""
    chance = random.Random(SEED)
    kinds = [signal.SIGKILL, signal.SIGINT] * (MOMENTS // 2)
    chance.shuffle(kinds)
    return [(1 + int(MOST * (number + chance.random()) / MOMENTS), kind) for number, kind in enumerate(kinds)]


def records() -> list[dict[str, Any]]:  # Any: JSON values
    made: list[dict[str, Any]] = [{"_id": str(n), "text": f"bread {n}", "year": n} for n in range(RECORDS)]
    for number in POISON:
        made[number]["year"] = "soon"
    made[TWICE]["_id"] = FIRST
    return made


def begin(folder: Path, url: str, index: str, ending: Ending | None = None) -> Fork:
    """Start the run; in its folder there are, but for the source, only files of its own."""
    where = ["a.jsonl", "--index", index, "--url", url]
    arguments = [*where, "--batch", BATCH, "--requests", FLYING, "--load-settings", "fast", "--json"]
    return Fork(folder, arguments, ending)


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
def usual(opensearch: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:  # Any: JSON values
    """Let a run end, and return the settings that it leaves; it starts the process that the others are forked from."""
    client, folder, index = connect(opensearch), tmp_path_factory.mktemp("whole"), f"test-{uuid4().hex}"
    source(folder)
    run = begin(folder, opensearch, index)
    assert run.ended() == 1, run.err
    kept = lasting(client, index)
    client.indices.delete(index=index)
    return kept


@pytest.mark.parametrize(("settled", "kind"), _moments(), ids=lambda value: getattr(value, "name", str(value)))
def test_ended_while_it_sends_the_next_run_accounts_for_each_document(
    opensearch: str, usual: dict[str, Any], index_name: str, tmp_path: Path, settled: int, kind: signal.Signals
) -> None:
    client = connect(opensearch)
    source(tmp_path)
    run = begin(tmp_path, opensearch, index_name, Ending(texts=RECORDS - LEFT))
    wait_for(run, tmp_path, settled)
    run.send(kind)
    code, killed = run.ended(), kind is signal.SIGKILL
    assert (code, run.out) == (-signal.SIGKILL if killed else 1, ""), run.err
    assert run.err.endswith("Stopped.\n") != killed
    done = settled_in(tmp_path)
    assert settled <= len(done) <= RECORDS - LEFT
    check_between(client, index_name, tmp_path)
    # The settings are those of a load, which the record tells; unless it was stopped, and could put them back.
    assert (recorded(client, index_name), lasting(client, index_name) == usual) == (killed, not killed)
    check_again(client, opensearch, index_name, tmp_path, usual)


@pytest.mark.parametrize(
    "ending",
    [
        Ending(request="PUT /INDEX"),
        Ending(request="PUT /INDEX/_mapping"),
        Ending(request="PUT /INDEX/_settings"),
        Ending(request="POST /INDEX/_bulk"),
        Ending(request="POST /INDEX/_refresh", time=2),
        Ending(request="PUT /INDEX/_settings", time=2),
        Ending(request="POST /INDEX/_flush"),
        Ending(request="PUT /INDEX/_mapping", time=2),
        Ending(request="POST /INDEX/_count", time=2),
    ],
    ids=lambda ending: f"{ending.request}-{ending.time}",
)
def test_killed_before_its_documents_or_after_them_the_next_run_accounts_for_each_document(
    opensearch: str, usual: dict[str, Any], index_name: str, tmp_path: Path, ending: Ending
) -> None:
    client = connect(opensearch)
    source(tmp_path)
    assert ending.request is not None
    named = replace(ending, request=ending.request.replace("INDEX", index_name))
    run = begin(tmp_path, opensearch, index_name, named)
    assert (run.ended(), run.out) == (-signal.SIGKILL, ""), run.err
    check_between(client, index_name, tmp_path)
    if client.indices.exists(index=index_name):
        assert recorded(client, index_name) or lasting(client, index_name) == usual
    check_again(client, opensearch, index_name, tmp_path, usual)


def wait_for(run: Fork, folder: Path, settled: int) -> None:
    """Wait until so many records are settled by a run that goes on."""
    deadline = time.monotonic() + _SECONDS
    while len(settled_in(folder)) < settled:
        assert run.runs, run.err
        assert time.monotonic() < deadline, run.err
        time.sleep(0.002)


def check_between(client: OpenSearch, index: str, folder: Path) -> None:
    """Check that what a run has settled is there, and that nothing is there that was not in the source."""
    acknowledged = acknowledged_in(folder)
    if not client.indices.exists(index=index):
        assert acknowledged == []
        return
    texts, given = found(client, index), records()
    assert {given[number]["_id"] for number in acknowledged} <= texts.keys()
    assert all(text in {one["text"] for one in given if one["_id"] == name} for name, text in texts.items())


def check_again(client: OpenSearch, url: str, index: str, folder: Path, usual: dict[str, Any]) -> None:
    """Run again, and check that every record is accounted for and all is as after a run that nobody ended."""
    skipped = len(acknowledged_in(folder))
    again = begin(folder, url, index)
    assert again.ended() == 1, again.err
    told = orjson.loads(again.out)
    assert told["read"] == RECORDS == told["indexed"] + told["skipped"] + told["failed"], again.err
    assert (told["skipped"], told["failed"], told["duplicates"]) == (skipped, len(POISON), 1)
    expected = {one["_id"]: one["text"] for one in records() if one["year"] != "soon"}
    assert (told["in_index"], found(client, index)) == (len(expected), expected)
    letters = [orjson.loads(line)["_id"] for line in (folder / told["dead_letters"]).read_bytes().splitlines()]
    assert letters == [str(number) for number in POISON]
    assert lasting(client, index) == usual
    assert not recorded(client, index)
    assert not list(folder.glob("*.checkpoint"))


def recorded(client: OpenSearch, index: str) -> bool:
    """Return whether the index tells what its settings were."""
    return RECORD_KEY in mapping_of(client, index)[1]["_meta"][META_KEY]


def settled_in(folder: Path) -> dict[int, bool]:
    """Read the checkpoint by what docs/ingesting.md says of it; return of each settled record whether it failed."""
    settled: dict[int, bool] = {}
    for path in folder.glob("*.checkpoint"):
        whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        for line in map(orjson.loads, whole[1:]):
            settled |= {number: number in line["failed"] for number in range(line["from"], line["to"])}
    return settled


def acknowledged_in(folder: Path) -> list[int]:
    """Return the numbers of the records that the checkpoint says are indexed."""
    return [number for number, failed in sorted(settled_in(folder).items()) if not failed]
