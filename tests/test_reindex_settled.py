"""Which places of a source a checkpoint of `csplade reindex` tells as settled, on a real server."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from csplade.integration.checkpoint import Checkpoint, Job
from csplade.integration.client import connect
from csplade.integration.ingest import IngestOptions
from csplade.integration.reindex import Origin, reindex
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.test_reindex import COUNT, account, fill, options, origin, product, shop, target
from csplade.tests.word_encoder import WordEncoder
from opensearchpy import OpenSearch

__all__ = ["options", "origin", "shop", "target"]

pytestmark = pytest.mark.cluster

JOB = Job("index", "shop", "uuid", "fingerprint", "options")


def settled_places(path: Path) -> int:
    """Return how many places of the source a checkpoint tells as settled."""
    _, *lines = map(orjson.loads, path.read_bytes().splitlines())
    return sum(end - begin for line in lines for begin, end in line["ranges"])


def test_behind_the_place_up_to_which_the_source_is_complete_nothing_is_settled(
    origin: Origin, target: OpenSearch, options: IngestOptions, tmp_path: Path
) -> None:
    # What is written from here on is shown, and not complete before it is on the disk.
    late = {"index.translog.durability": "async", "index.translog.sync_interval": "1h"}
    origin.client.indices.put_settings(index=origin.index, body=late)
    # It cannot be copied.
    target.indices.put_mapping(index=options.index, body={"properties": {"price": {"type": "byte"}}})
    body = {**product(COUNT), "price": 1e9}
    origin.client.index(index=origin.index, id="late", body=body, params={"refresh": "true"})
    path = tmp_path / "a.checkpoint"
    for turn in range(3):
        with Checkpoint.open(path, JOB) as checkpoint:
            found = reindex(origin, target, WordEncoder(), options, None, checkpoint)
        # Each time it is read and fails anew, until it is complete.
        failed = 1 + turn
        assert account(found) == (COUNT + failed, 0 if turn else COUNT, COUNT if turn else 0, failed)
        assert settled_places(path) == COUNT
    origin.client.indices.flush(index=origin.index)
    for _ in range(2):
        with Checkpoint.open(path, JOB) as checkpoint:
            account(reindex(origin, target, WordEncoder(), options, None, checkpoint))
        assert settled_places(path) == COUNT + 1


def test_a_source_that_tells_nothing_of_its_shards_is_settled_document_by_document(
    opensearch: str, origin: Origin, target: OpenSearch, options: IngestOptions, tmp_path: Path
) -> None:
    # The places of those that changed are empty now.
    fill(origin.client, origin.index, range(0, COUNT, 2))
    path = tmp_path / "a.checkpoint"
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.unknown = "/_stats"
        there = replace(origin, client=connect(proxy.url))
        for expected in ((COUNT, COUNT, 0, 0), (COUNT, 0, COUNT, 0)):
            with Checkpoint.open(path, JOB) as checkpoint:
                assert account(reindex(there, target, WordEncoder(), options, None, checkpoint)) == expected
            assert settled_places(path) == COUNT
