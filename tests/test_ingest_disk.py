"""A disk that is full for the cluster while documents go in: it blocks the index itself, and lets go by itself.

It looks at its disks every ten seconds at most, so that only `--every-line` runs this.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from csplade.integration.index import create_index
from csplade.integration.templates import IndexOptions
from csplade.tests.cluster_lines import USUAL, ClusterLine
from csplade.tests.ingest_stream import Stream
from csplade.tests.load_settings_kept import settings
from csplade.tests.waiting import wait_until
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

pytestmark = [pytest.mark.cluster, pytest.mark.cluster_line]

_DISK = "cluster.routing.allocation.disk"
_BLOCK = "index.blocks.read_only_allow_delete"
_LOOKS = {f"{_DISK}.threshold_enabled": "true", "cluster.info.update.interval": "10s"}
_MARKS = tuple(f"{_DISK}.watermark.{name}" for name in ("low", "high", "flood_stage"))


@contextmanager
def needed(client: OpenSearch, free: str) -> Iterator[None]:
    """Let the cluster want so much free on its disk; afterwards it is content with a byte."""
    client.cluster.put_settings(body={"transient": {**_LOOKS, **dict.fromkeys(_MARKS, free)}})
    try:
        yield
    finally:
        client.cluster.put_settings(body={"transient": dict.fromkeys(_MARKS, "1b")})


@pytest.mark.parametrize("line", USUAL, indirect=True)
def test_an_index_that_the_cluster_blocks_for_its_disk_is_waited_for_and_nothing_is_lost(
    line: ClusterLine, tmp_path: Path
) -> None:
    client, index = line.client, line.index
    create_index(client, index, word_contract(), IndexOptions(analyzer=line.analyzer))
    before = settings(client, index)

    def blocked() -> bool:
        return settings(client, index).get(_BLOCK) == "true"

    stream = Stream(tmp_path, client, index, ["--url", line.url, "--batch", 20, "--load-settings", "safe"])
    try:
        stream.wait_for_more(100)
        with needed(client, "1000tb"):
            wait_until(blocked)
            # What was on its way when the block came may still arrive.
            time.sleep(1.0)
            count = stream.counted()
            time.sleep(2.0)
            assert (stream.counted(), stream.run.poll()) == (count, None)
        wait_until(lambda: not blocked())
        stream.wait_for_more(100)
        stream.check_end()
        assert settings(client, index) == {**before, "index.max_result_window": str(stream.count)}
    finally:
        stream.kill()
        client.cluster.put_settings(body={"transient": dict.fromkeys([*_LOOKS, *_MARKS])})
