"""Who stops reading a real index waits for no cluster that is away or hangs, in this process or in a command's."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import orjson
import pytest
from csplade.integration import slices_read
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.index import create_index
from csplade.integration.index_mapping import mapping_of
from csplade.integration.load_settings import RECORD_KEY
from csplade.integration.patience import Patience
from csplade.integration.slices import Found
from csplade.integration.slices_read import ReadOptions, read_index
from csplade.integration.slices_snapshot import Snapshot
from csplade.integration.templates import MARK_FIELD, META_KEY, IndexOptions
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.ingest_process import start
from csplade.tests.load_settings_kept import settings
from csplade.tests.test_reindex import filled_shop
from csplade.tests.word_encoder import word_contract

pytestmark = pytest.mark.cluster

LONG = Patience(first_wait=120.0, longest_wait=120.0)
MANY = 2000
SOON = 20
"""Seconds in which whoever stops must be through, far fewer than the shortest wait of `LONG` and than a request has."""


@contextmanager
def read_through(proxy: FaultyProxy, shop: str) -> Iterator[Iterator[Found]]:
    """Give the documents of an index, of which the first has been read."""
    client = connect(proxy.url)
    with Snapshot(client, shop, read_dialect(client), LONG) as snapshot:
        assert snapshot.frozen == (proxy.unknown is None)
        with closing(read_index(snapshot, ReadOptions(threads=4, page=1))) as documents:
            next(documents)
            yield documents


@contextmanager
def stopped_soon() -> Iterator[None]:
    """Let Ctrl-C come after some seconds, and check that it ends what is done meanwhile."""
    timer = threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGINT))
    began = time.monotonic()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        timer.cancel()
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("points", [True, False], ids=["points in time", "none"])
def test_ctrl_c_ends_the_waiting_of_readers_for_a_cluster_that_is_away(
    opensearch: str, index_name: str, points: bool
) -> None:
    with filled_shop(opensearch, index_name) as shop, running(FaultyProxy(opensearch)) as proxy:
        proxy.unknown = None if points else "point_in_time"
        with stopped_soon(), read_through(proxy, shop) as documents:
            proxy.locked = 503
            list(documents)


def test_ctrl_c_leaves_alone_what_a_cluster_that_hangs_was_asked_for(
    opensearch: str, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices_read, "_GRACE_SECONDS", 1.0)
    with (
        filled_shop(opensearch, index_name) as shop,
        running(FaultyProxy(opensearch)) as proxy,
        socket.create_server(("127.0.0.1", 0)) as silent,
        stopped_soon(),
        read_through(proxy, shop) as documents,
    ):
        proxy.target = silent.getsockname()
        list(documents)


def stopped_while_away(
    folder: Path, command: str, where: Sequence[object], proxy: FaultyProxy, how: int
) -> tuple[str, str]:
    """Start a command, and stop it when only its readers are waiting for the cluster; return what it printed."""
    word_contract().write(folder)
    process = start(folder, [*where, "--url", proxy.url, "--encoder", folder, "--batch", 10, "--json"], command)
    try:
        deadline = time.monotonic() + 60
        while not proxy.bulks:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        proxy.troubles["/_search?"] = [503] * 10_000
        # What was read by then is sent.
        time.sleep(3.0)
        assert process.poll() is None, process.communicate()
        process.send_signal(how)
        out, err = process.communicate(timeout=SOON)
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in err
    assert process.returncode == (0 if out else 1), err
    return out, err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_copy_that_is_stopped_while_the_cluster_is_away_says_how_far_it_came_and_puts_settings_back(
    opensearch: str, index_name: str, tmp_path: Path, how: signal.Signals
) -> None:
    with filled_shop(opensearch, index_name, MANY) as shop, running(FaultyProxy(opensearch)) as proxy:
        where = ["--from", shop, "--to", index_name, "--text-fields", "name", "--load-settings", "fast"]
        out, err = stopped_while_away(tmp_path, "reindex", where, proxy, how)
    assert out == ""
    assert err.endswith("documents are indexed. Run again, the same command goes on from there.\n\nStopped.\n")
    client = connect(opensearch)
    assert settings(client, index_name).get("index.translog.durability", "request") == "request"
    assert RECORD_KEY not in mapping_of(client, index_name)[1]["_meta"][META_KEY]


def test_a_watch_that_is_stopped_while_the_cluster_is_away_prints_its_account(
    opensearch: str, index_name: str, tmp_path: Path
) -> None:
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    texts: list[dict[str, object]] = []
    for number in range(MANY):
        texts += [{"index": {}}, {"text": f"bread {number}"}]
    assert not client.bulk(body=texts, index=index_name, params={"refresh": "true"})["errors"]
    with running(FaultyProxy(opensearch)) as proxy:
        where = ["--index", index_name, "--watch", 0.2]
        told = orjson.loads(stopped_while_away(tmp_path, "enrich", where, proxy, signal.SIGINT)[0])
    assert told["read"] == told["current"] + told["encoded"] + told["superseded"] + told["failed"]
    assert 0 < told["encoded"] < MANY
    client.indices.refresh(index=index_name)
    assert client.count(index=index_name, body={"query": {"exists": {"field": MARK_FIELD}}})["count"] == told["encoded"]
