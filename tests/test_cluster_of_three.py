"""Ingest into three nodes with replicas while nodes are killed: first one that only holds data, later the manager.

Takes minutes, so that only `--every-line` runs it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from csplade.integration.client import connect
from csplade.integration.errors import ClusterError
from csplade.integration.index import create_index
from csplade.integration.node import Node, NodeOptions
from csplade.integration.templates import IndexOptions
from csplade.tests.ingest_stream import Stream
from csplade.tests.load_settings_kept import settings
from csplade.tests.local_node import running
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

pytestmark = [pytest.mark.cluster, pytest.mark.cluster_line]

INDEX = "three"
FIRST, STEP = 1000, 500
"""Documents that are there when the first node is killed, and that come before what follows."""
GREEN_SECONDS = 600


@pytest.fixture(scope="module")
def three() -> Iterator[Node]:
    with running(NodeOptions(port=0, heap_mb=512, members=3)) as node:
        yield node


class Killed:
    """A server process that was ended by `kill -9`, and how it is started again as it was."""

    def __init__(self, pid: int) -> None:
        proc = Path(f"/proc/{pid}")
        self._command = proc.joinpath("cmdline").read_text().split("\0")[:-1]
        lines = proc.joinpath("environ").read_text().split("\0")[:-1]
        self._environment = {name: value for name, _, value in (line.partition("=") for line in lines)}
        self._folder = os.readlink(proc / "cwd")
        # Servers refuse root; only root may be somebody else.
        self._owner = proc.stat() if os.getuid() == 0 else None
        os.kill(pid, signal.SIGKILL)

    def start(self) -> "subprocess.Popen[bytes]":
        owner = self._owner
        return subprocess.Popen(
            self._command,
            env=self._environment,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=None if owner is None else owner.st_uid,
            group=None if owner is None else owner.st_gid,
            extra_groups=None if owner is None else [],
        )


def test_a_data_node_and_later_the_manager_are_killed_and_nothing_is_lost(three: Node, tmp_path: Path) -> None:
    urls = ",".join(member.url for member in three.members)
    client = connect(urls)
    create_index(client, INDEX, word_contract(), IndexOptions(shards=3, replicas=1))
    # Otherwise a copy that is gone is waited for a minute before another is made.
    client.indices.put_settings(index=INDEX, body={"index.unassigned.node_left.delayed_timeout": "0s"})
    wait_for_green(client, 3)
    before = settings(client, INDEX)
    pids = {member.name: member.process.pid for member in three.members}
    again: list[subprocess.Popen[bytes]] = []
    stream = Stream(tmp_path, client, INDEX, ["--url", urls, "--batch", 50, "--load-settings", "safe"])
    try:
        stream.wait_for_more(FIRST)
        manager = manager_of(client)
        other = next(name for name in pids if name != manager)
        for name in (other, manager):
            killed = Killed(pids[name])
            stream.wait_for_more(STEP)
            again.append(killed.start())
            wait_for_green(client, 3)
            stream.wait_for_more(STEP)
        assert manager_of(client) != manager
        stream.check_end()
        assert settings(client, INDEX) == {**before, "index.max_result_window": str(stream.count)}
    finally:
        stream.kill()
        for process in again:
            process.kill()
            process.wait()


def manager_of(client: OpenSearch) -> str:
    (found,) = client.cat.cluster_manager(params={"format": "json"})
    return str(found["node"])


def wait_for_green(client: OpenSearch, nodes: int) -> None:
    """Wait until all copies are there on so many nodes; in between a manager may be elected."""
    deadline = time.monotonic() + GREEN_SECONDS
    health: dict[str, Any] = {}
    while time.monotonic() < deadline:
        try:
            health = client.cluster.health(params={"request_timeout": 10})
        except ClusterError as error:
            health = {"error": str(error)}
        if (health.get("status"), health.get("number_of_nodes")) == ("green", nodes):
            return
        time.sleep(0.5)
    pytest.fail(f"the cluster of {nodes} nodes is not green after {GREEN_SECONDS} s: {health}")
