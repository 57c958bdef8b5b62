"""`csplade ingest` where every request but the first meets broken answers: nothing is lost, settings come back.

Bulk requests are in `test_ingest_faults`; here it is all that is asked before them and after.
"""

import signal
import time
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.index import create_index
from csplade.integration.index_mapping import mapping_of
from csplade.integration.load_settings import RECORD_KEY
from csplade.integration.patience import Patience
from csplade.integration.templates import META_KEY, IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.faulty_proxy import DROP, HALF, SLOW, FaultyProxy, running
from csplade.tests.ingest_process import start
from csplade.tests.load_settings_kept import settings
from csplade.tests.test_ingest import content
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

COUNT = 30
# The first look at the mapping is not repeated: it may be the wrong address.
PARTS = {
    "GET /{}/_mapping": 1,
    "PUT /{}/_mapping": 0,
    "GET /{}/_settings": 0,
    "PUT /{}/_settings": 0,
    "POST /{}/_flush": 0,
    "POST /{}/_refresh": 0,
    "/{}/_count": 0,
}
"""Requests, by method and path, and how many of them are let through first."""


@pytest.fixture
def client(opensearch: str, index_name: str) -> OpenSearch:
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions(refresh_interval="7s"))
    return client


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Patience, "wait", lambda patience, attempt: 0.01)
    lines = [orjson.dumps({"id": f"d{number}", "text": f"bread {number}"}) + b"\n" for number in range(COUNT)]
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    return runner(monkeypatch, capsys)


def troubles(parts: Mapping[str, int], index: str, fault: int) -> dict[str, list[int | None]]:
    """Return what happens to each of these requests; one that is only slow is not asked again."""
    times = 1 if fault == SLOW else 3
    return {part.format(index): [*([None] * first), *([fault] * times)] for part, first in parts.items()}


def check(client: OpenSearch, index: str, before: dict[str, object]) -> None:
    """Check that each document is there once, and that the index is otherwise as it was."""
    assert content(client, index).keys() == {f"d{number}" for number in range(COUNT)}
    assert settings(client, index) == before
    assert RECORD_KEY not in mapping_of(client, index)[1]["_meta"][META_KEY]


@pytest.mark.parametrize("fault", [429, 503, DROP, HALF, SLOW])
def test_everything_that_is_asked_may_be_answered_badly_now_and_then(
    run: Run, line: ClusterLine, tmp_path: Path, fault: int
) -> None:
    made = IndexOptions(analyzer=line.analyzer, refresh_interval="7s")
    create_index(line.client, line.index, word_contract(), made)
    before = settings(line.client, line.index)
    with running(FaultyProxy(line.url)) as proxy:
        proxy.troubles = troubles(PARTS, line.index, fault)
        done = run(
            *("ingest", "a.jsonl", "--index", line.index, "--url", proxy.url),
            *("--load-settings", "fast", "--batch", 10, "--json"),
        )
        assert not any(proxy.troubles.values()), proxy.troubles
    assert done.code == 0, done
    told = orjson.loads(done.out)
    assert (told["read"], told["indexed"], told["skipped"], told["failed"]) == (COUNT, COUNT, 0, 0)
    assert (told["in_index"], told["duplicates"], told["dead_letters"]) == (COUNT, 0, None)
    check(line.client, line.index, before)
    assert not list(tmp_path.glob("*.checkpoint"))


@pytest.mark.parametrize("again", [["--restore"], ["a.jsonl"], ["a.jsonl", "--load-settings", "safe"]])
def test_settings_that_the_cluster_does_not_take_back_come_back_as_the_error_says(
    run: Run, opensearch: str, client: OpenSearch, index_name: str, again: list[str]
) -> None:
    before = settings(client, index_name)
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.troubles[f"PUT /{index_name}/_settings"] = [None] + [503] * 100
        where = ("--index", index_name, "--url", proxy.url, "--load-settings", "fast", "--wait-for-cluster", 0)
        done = run("ingest", "a.jsonl", *where)
    assert done.code == 1
    assert f"the settings of '{index_name}' may still be those of the load" in done.err
    assert f"`csplade ingest --restore --index {index_name}`" in done.err
    assert settings(client, index_name) != before
    assert run("ingest", *again, "--index", index_name, "--url", opensearch).code == 0
    check(client, index_name, before)


def test_an_address_where_no_cluster_is_is_told_at_once(run: Run, opensearch: str) -> None:
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.locked = 503
        done = run("ingest", "a.jsonl", "--index", "nowhere", "--url", proxy.url)
        restored = run("ingest", "--restore", "--index", "nowhere", "--url", proxy.url)
    assert (done.code, restored.code) == (1, 1)
    assert "answered 503" in done.err
    assert "answered 503" in restored.err


def test_a_run_that_fails_says_why_also_where_its_settings_cannot_be_put_back(
    run: Run, opensearch: str, client: OpenSearch, index_name: str
) -> None:
    before = settings(client, index_name)
    with running(FaultyProxy(opensearch, [500])) as proxy:
        proxy.troubles[f"PUT /{index_name}/_settings"] = [None] + [503] * 100
        where = ("--index", index_name, "--url", proxy.url, "--load-settings", "fast")
        done = run("ingest", "a.jsonl", *where)
    assert (done.code, done.out) == (1, "")
    *_, reason, besides = done.err.splitlines()
    assert reason.startswith(f"Error: the cluster at {proxy.url} answered 500 (injected)")
    assert besides.startswith(f"Besides, the settings of '{index_name}' may still be those of the load")
    assert run("ingest", "a.jsonl", "--index", index_name, "--url", opensearch).code == 0
    check(client, index_name, before)


def test_a_run_that_is_stopped_says_so_also_where_its_settings_cannot_be_put_back(
    opensearch: str, client: OpenSearch, index_name: str, tmp_path: Path
) -> None:
    word_contract().write(tmp_path)
    records = [orjson.dumps({"id": f"d{number}", "text": f"bread {number}"}) + b"\n" for number in range(2000)]
    (tmp_path / "a.jsonl").write_bytes(b"".join(records))
    with running(FaultyProxy(opensearch)) as proxy:
        arguments = ["a.jsonl", "--index", index_name, "--url", proxy.url, "--encoder", tmp_path, "--batch", 10]
        process = start(tmp_path, [*arguments, "--load-settings", "fast"])
        deadline = time.monotonic() + 60
        while not proxy.bulks and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        proxy.troubles[f"PUT /{index_name}/_settings"] = [503] * 100
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    *_, stopped, besides = err.splitlines()
    assert stopped == "Stopped."
    assert besides.startswith(f"Besides, the settings of '{index_name}' may still be those of the load")
