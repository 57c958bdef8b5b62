"""Which places of a source a checkpoint of `csplade reindex` tells as settled, on a real server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from csplade.integration.checkpoint import Checkpoint, Job
from csplade.integration.client import connect
from csplade.integration.ingest import IngestOptions
from csplade.integration.reindex import Origin, reindex
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.ingest_process import kill_when_settled, start
from csplade.tests.test_reindex import (
    COUNT,
    account,
    fill,
    filled_shop,
    options,
    origin,
    product,
    shop,
    target,
)
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


def test_neither_is_it_where_nobody_may_refresh_the_source(
    opensearch: str, origin: Origin, target: OpenSearch, options: IngestOptions, tmp_path: Path
) -> None:
    late = {"index.translog.durability": "async", "index.translog.sync_interval": "1h"}
    origin.client.indices.put_settings(index=origin.index, body=late)
    origin.client.index(index=origin.index, id="late", body=product(COUNT), params={"refresh": "true"})
    path = tmp_path / "a.checkpoint"
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.troubles[f"/{origin.index}/_refresh"] = [403]
        with Checkpoint.open(path, JOB) as checkpoint:
            there = replace(origin, client=connect(proxy.url))
            found = reindex(there, target, WordEncoder(), options, None, checkpoint)
        assert not any(proxy.troubles.values())
    assert account(found) == (COUNT + 1, COUNT + 1, 0, 0)
    assert settled_places(path) == COUNT


@contextmanager
def kept_backups(client: OpenSearch, index: str) -> Iterator[str]:
    """Make a repository of the test of an index, give its path, and delete it with its backups."""
    path = f"/_snapshot/{index}"
    body = {"type": "fs", "settings": {"location": index}}
    client.transport.perform_request("PUT", path, body=body)
    try:
        yield path
    finally:
        client.transport.perform_request("DELETE", f"{path}/one")
        client.transport.perform_request("DELETE", path)


def test_what_was_settled_of_an_index_counts_for_nothing_once_a_backup_is_in_its_place(
    opensearch: str, index_name: str, tmp_path: Path
) -> None:
    client, waiting = connect(opensearch), {"wait_for_completion": "true"}
    with filled_shop(opensearch, index_name, COUNT) as name, kept_backups(client, index_name) as path:
        client.transport.perform_request("PUT", f"{path}/one", body={"indices": name}, params=waiting)
        fill(client, name, range(COUNT, 5 * COUNT))
        where = ["--from", name, "--to", index_name, "--url", opensearch, "--text-fields", "name,about.long"]
        asked = [*where, "--batch", 10, "--json"]
        kill_when_settled(start(tmp_path, asked, "reindex", most=4 * COUNT), tmp_path, 3 * COUNT)
        client.indices.close(index=name)
        client.transport.perform_request("POST", f"{path}/one/_restore", body={"indices": name}, params=waiting)
        # These get the places of those that were copied.
        fill(client, name, range(5 * COUNT, 9 * COUNT))
        out, err = start(tmp_path, asked, "reindex").communicate(timeout=300)
        told = orjson.loads(out)
        assert [told[key] for key in ("in_source", "indexed", "skipped")] == [5 * COUNT, 5 * COUNT, 0], err
        client.indices.refresh(index=index_name)
        found = client.search(index=index_name, body={"size": 10_000, "_source": False})["hits"]["hits"]
    assert {f"p{number}" for number in range(5 * COUNT, 9 * COUNT)} <= {hit["_id"] for hit in found}


@pytest.mark.parametrize(("unknown", "refused"), [("/_stats", 0), (None, 2)], ids=["not told", "not refreshed"])
def test_a_source_that_tells_nothing_or_may_not_show_all_is_settled_document_by_document(
    opensearch: str,
    origin: Origin,
    target: OpenSearch,
    options: IngestOptions,
    tmp_path: Path,
    unknown: str | None,
    refused: int,
) -> None:
    # The places of those that changed are empty now.
    fill(origin.client, origin.index, range(0, COUNT, 2))
    path = tmp_path / "a.checkpoint"
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.unknown, proxy.troubles["_refresh"] = unknown, [403] * refused
        there = replace(origin, client=connect(proxy.url))
        for expected in ((COUNT, COUNT, 0, 0), (COUNT, 0, COUNT, 0)):
            with Checkpoint.open(path, JOB) as checkpoint:
                assert account(reindex(there, target, WordEncoder(), options, None, checkpoint)) == expected
            assert settled_places(path) == COUNT
        assert not any(proxy.troubles.values())
