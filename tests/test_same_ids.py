"""Asking for other documents of an id on a real server: within the limits of the source, and whatever comes of it.

What becomes of such documents is in `test_reindex_losses`.
"""

import threading
from dataclasses import replace

import pytest
from csplade.integration.client import connect
from csplade.integration.errors import RequestError
from csplade.integration.ingest import IngestOptions
from csplade.integration.reindex import Origin, reindex
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.test_reindex import COUNT, account, fill, options, origin, shop, target
from csplade.tests.word_encoder import WordEncoder
from opensearchpy import OpenSearch

__all__ = ["options", "origin", "shop", "target"]

pytestmark = pytest.mark.cluster

ROUTED = range(3 * COUNT, 3 * COUNT + 900, 3)
"""Products that all have a routing."""


def test_no_more_is_asked_for_at_once_than_the_source_gives(
    origin: Origin, target: OpenSearch, options: IngestOptions
) -> None:
    fill(origin.client, origin.index, ROUTED)
    origin.client.indices.put_settings(index=origin.index, body={"index.max_result_window": 200})
    whole = COUNT + len(ROUTED)
    assert account(reindex(origin, target, WordEncoder(), options)) == (whole, whole, 0, 0)


def test_when_it_fails_nobody_reads_any_more(
    opensearch: str, origin: Origin, target: OpenSearch, options: IngestOptions
) -> None:
    fill(origin.client, origin.index, ROUTED)
    with running(FaultyProxy(opensearch)) as proxy:
        there = replace(origin, client=connect(proxy.url))
        # The first search finds out how many shards there are.
        proxy.troubles[f"/{origin.index}/_search?"] = [None, 500]
        before = set(threading.enumerate())
        # What is caught holds the frames of all that was running.
        with pytest.raises(RequestError, match="500") as caught:
            reindex(there, target, WordEncoder(), options)
        left = {one.name for one in set(threading.enumerate()) - before}
        assert (caught.value.status, [name for name in left if "process_request" not in name]) == (500, [])
