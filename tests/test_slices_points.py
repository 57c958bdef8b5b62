"""Points in time on servers that look each second for those that have expired: kept while nobody asks, told when gone.

Besides, an index of which there is none is read as it changes.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.errors import ClusterError
from csplade.integration.node import NodeOptions
from csplade.integration.patience import Patience
from csplade.integration.slices_points import Points
from csplade.integration.slices_read import ReadOptions, read_index
from csplade.integration.slices_snapshot import Snapshot
from csplade.tests.cluster_lines import MARK, SERVERS
from csplade.tests.local_node import running
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

INDEX, SHARDS, COUNT = "products", 5, 40
KEPT_SECONDS = 6
RENEWED_SECONDS = 1
AWAY_SECONDS = 9
"""Longer than a point is kept, and than the server takes to look for it."""
ONCE = Patience(attempts=1, outage=0.0)
ONE_BY_ONE = ReadOptions(threads=1, page=3)


def _servers() -> Iterator[object]:
    for name in SERVERS:
        yield pytest.param(name, marks=[] if name == "opensearch-3.8" else [getattr(pytest.mark, MARK)])


@pytest.fixture(scope="module", params=_servers())
def client(request: pytest.FixtureRequest) -> Iterator[OpenSearch]:
    """Give a client of a server that looks often, with an index of several shards."""
    server = SERVERS[request.param]
    settings: dict[str, object] = {"search.keep_alive_interval": "1s"}
    if server.flavor == "opensearch":
        # Otherwise it keeps each half a minute at least.
        settings["point_in_time.init.keep_alive"] = "1s"
    often = replace(server, settings={**server.settings, **settings})
    with running(NodeOptions(often, port=0, heap_mb=512)) as node:
        client = connect(node.url)
        client.indices.create(index=INDEX, body={"settings": {"number_of_shards": SHARDS, "number_of_replicas": 0}})
        for number in range(COUNT):
            client.index(index=INDEX, id=str(number), body={"number": number})
        yield client


def snapshot_of(client: OpenSearch) -> Snapshot:
    return Snapshot(client, INDEX, read_dialect(client), ONCE, KEPT_SECONDS)


def test_shards_that_wait_and_a_consumer_that_is_slow_find_their_points_in_time(client: OpenSearch) -> None:
    left_alone = Points(client, INDEX, read_dialect(client).distribution == "elasticsearch", ONCE, KEPT_SECONDS)
    left_alone.open(["_shards:0"])
    with snapshot_of(client) as snapshot:
        found = []
        for one in read_index(snapshot, ONE_BY_ONE):
            found.append(one)
            # Once in the first shard, while the others wait, and once within a later one.
            if len(found) in (1, COUNT // 2):
                time.sleep(AWAY_SECONDS)
        assert {int(one.hit["_id"]) for one in found} == set(range(COUNT))
        assert (len(found), len({one.shard for one in found}), snapshot.frozen) == (COUNT, SHARDS, True)
    # One that nobody renews would have been gone.
    with pytest.raises(ClusterError, match="has given up the moment"):
        left_alone.ask(0, {"size": 0}, {})


def test_the_thread_that_renews_ends_with_the_snapshot(client: OpenSearch) -> None:
    # Those of earlier tests may end meanwhile.
    before = set(threading.enumerate())
    with snapshot_of(client):
        (renewing,) = set(threading.enumerate()) - before
    assert not renewing.is_alive()


@pytest.mark.parametrize("hanging", [0.0, RENEWED_SECONDS + 0.5])
def test_whoever_stops_does_not_wait_for_a_cluster_that_hangs(client: OpenSearch, hanging: float) -> None:
    """Also while a renewal waits for its answer, longer than anyone who stops."""
    (node,) = client.nodes.info(metric="process")["nodes"].values()
    process = int(node["process"]["id"])
    snapshot = snapshot_of(client)
    try:
        with snapshot:
            os.kill(process, signal.SIGSTOP)
            time.sleep(hanging)
            began = time.monotonic()
        # One of the shards is tried at most.
        assert time.monotonic() - began < 10
    finally:
        os.kill(process, signal.SIGCONT)


def test_a_point_in_time_that_is_gone_is_told_to_whoever_reads_it(client: OpenSearch) -> None:
    with snapshot_of(client) as snapshot:
        documents = read_index(snapshot, ONE_BY_ONE)
        next(documents)
        # Its shards have moved away from what held them.
        client.indices.close(index=INDEX)
        client.indices.open(index=INDEX, params={"wait_for_active_shards": "1"})
        time.sleep(KEPT_SECONDS)
        with pytest.raises(ClusterError, match="has given up the moment of 'products'"):
            list(documents)


def test_who_gets_no_points_in_time_reads_what_changes_meanwhile(
    client: OpenSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csplade.integration.slices_points.ask_if_allowed", lambda *_: None)
    ids = []
    with snapshot_of(client) as snapshot:
        assert not snapshot.frozen
        for one in read_index(snapshot, ReadOptions(threads=8, page=2)):
            ids.append(one.hit["_id"])
            if len(ids) == 1:
                # All others leave their slices for places behind them.
                for number in range(COUNT):
                    client.index(index=INDEX, id=str(number), body={"number": -number})
                client.indices.refresh(index=INDEX)
    assert set(ids) == {str(number) for number in range(COUNT)}
