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

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.index import create_index
from csplade.integration.node import Member, Node, NodeOptions
from csplade.integration.templates import IndexOptions
from csplade.tests.ingest_process import start
from csplade.tests.local_node import running
from csplade.tests.test_ingest_faults import settings
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

pytestmark = [pytest.mark.cluster, pytest.mark.cluster_line]

INDEX = "three"
COUNT = 6000
GREEN_SECONDS = 600
ENDED_SECONDS = 900


@pytest.fixture(scope="module")
def three() -> Iterator[Node]:
    with running(NodeOptions(port=0, heap_mb=512, members=3)) as node:
        yield node


class Killed:
    """A server process that was ended by `kill -9`, and how it is started again as it was."""

    def __init__(self, member: Member) -> None:
        proc = Path(f"/proc/{member.process.pid}")
        self._command = proc.joinpath("cmdline").read_text().split("\0")[:-1]
        lines = proc.joinpath("environ").read_text().split("\0")[:-1]
        self._environment = {name: value for name, _, value in (line.partition("=") for line in lines)}
        self._folder = os.readlink(proc / "cwd")
        # Servers refuse root; only root may be somebody else.
        self._owner = proc.stat() if os.getuid() == 0 else None
        os.kill(member.process.pid, signal.SIGKILL)

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
    urls = [member.url for member in three.members]
    client = connect(",".join(urls))
    create_index(client, INDEX, word_contract(), IndexOptions(shards=3, replicas=1))
    # Otherwise a copy that is gone is waited for a minute before another is made.
    client.indices.put_settings(index=INDEX, body={"index.unassigned.node_left.delayed_timeout": "0s"})
    wait_for_green(client, 3)
    before = settings(client, INDEX)
    records: list[dict[str, Any]] = [{"_id": str(one), "text": f"bread {one}", "year": one} for one in range(COUNT)]
    records[7]["year"] = "soon"
    records[COUNT - 1]["_id"] = "20"
    (tmp_path / "a.jsonl").write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in records))
    ingest = start(tmp_path, ["a.jsonl", "--index", INDEX, "--url", ",".join(urls), "--batch", 50, "--json"])
    again: list[subprocess.Popen[bytes]] = []
    try:
        wait_for_count(client, COUNT // 6, ingest)
        manager = manager_of(client)
        other = next(member for member in three.members if member.name != manager)
        killed = Killed(other)
        wait_for_count(client, COUNT // 3, ingest)
        again.append(killed.start())
        wait_for_green(client, 3)
        assert ingest.poll() is None, "the ingest ended before the manager was killed: give it more documents"
        again.append(Killed(next(one for one in three.members if one.name == manager)).start())
        out, err = ingest.communicate(timeout=ENDED_SECONDS)
        wait_for_green(client, 3)
        assert manager_of(client) != manager
        told = orjson.loads(out)
        assert told["read"] == COUNT == told["indexed"] + told["skipped"] + told["failed"], err
        assert (told["failed"], told["duplicates"], told["in_index"]) == (1, 1, COUNT - 2), err
        client.indices.refresh(index=INDEX)
        found = client.search(index=INDEX, body={"size": 10_000, "_source": ["text"], "track_total_hits": True})["hits"]
        assert found["total"]["value"] == COUNT - 2
        expected = {one["_id"]: one["text"] for one in records if one["year"] != "soon"}
        assert {hit["_id"]: hit["_source"]["text"] for hit in found["hits"]} == expected
        assert settings(client, INDEX) == before
    finally:
        ingest.kill()
        for process in again:
            process.kill()
            process.wait()


def manager_of(client: OpenSearch) -> str:
    (found,) = client.cat.cluster_manager(params={"format": "json"})
    return str(found["node"])


def wait_for_green(client: OpenSearch, nodes: int) -> None:
    deadline = time.monotonic() + GREEN_SECONDS
    health: dict[str, Any] = {}
    while time.monotonic() < deadline:
        try:
            health = client.cluster.health(params={"timeout": "1s", "wait_for_status": "green"})
        # A manager is being elected.
        except Exception as error:
            health = {"error": str(error)}
        if (health.get("status"), health.get("number_of_nodes")) == ("green", nodes):
            return
        time.sleep(0.5)
    pytest.fail(f"the cluster of {nodes} nodes is not green after {GREEN_SECONDS} s: {health}")


def wait_for_count(client: OpenSearch, count: int, ingest: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + ENDED_SECONDS
    while time.monotonic() < deadline:
        assert ingest.poll() is None, ingest.communicate()
        try:
            client.indices.refresh(index=INDEX)
            if client.count(index=INDEX)["count"] >= count:
                return
        except Exception:
            # A node was killed a moment ago.
            pass
        time.sleep(0.2)
    pytest.fail(f"{count} documents were not reached in {ENDED_SECONDS} s")
