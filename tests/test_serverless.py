"""A real OpenSearch behind a proxy that leaves out the requests which AWS's serverless collections leave out.

Which these are was reported by their users: `GET /` (opensearch-ruby #131), `_nodes` (opensearch-hadoop #586),
`_cluster` (OpenMetadata #27599), `_refresh` (opensearch-py #646). Nothing was tried on AWS.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.dialect import PLAIN
from csplade.integration.errors import RequestError
from csplade.tests.command_run import Run, run
from csplade.tests.faulty_proxy import FaultyProxy, running

__all__ = ["run"]

pytestmark = pytest.mark.cluster

_UNSERVED = re.compile(r" /(\?|$)| /_nodes| /_cluster|/_refresh|/_flush|/_stats")


@pytest.fixture
def collection(opensearch: str) -> Iterator[str]:
    """Give the URL of the cluster without what is left out."""
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.unserved = _UNSERVED
        yield proxy.url


def test_a_collection_that_says_nothing_of_itself_is_asked_in_the_plain_way(collection: str) -> None:
    client = connect(collection)
    with pytest.raises(RequestError) as refused:
        client.info()
    assert refused.value.unserved
    assert read_dialect(client) == PLAIN


def test_an_index_that_is_not_there_is_no_request_that_is_not_there(opensearch: str) -> None:
    with pytest.raises(RequestError) as missing:
        connect(opensearch).indices.refresh(index="nowhere-at-all")
    assert not missing.value.unserved


def test_documents_go_in_are_found_and_explained(
    run: Run, opensearch: str, collection: str, index_name: str, tmp_path: Path
) -> None:
    source = tmp_path / "a.jsonl"
    texts = ["stale bread", "fast light"]
    source.write_bytes(b"".join(orjson.dumps({"_id": str(n), "text": text}) + b"\n" for n, text in enumerate(texts)))
    done = run("ingest", str(source), "--index", index_name, "--url", collection, "--json")
    assert done.code == 0, done.err
    account = orjson.loads(done.out)
    assert (account["read"], account["indexed"], account["in_index"]) == (2, 2, None)
    # A collection does that by itself, some seconds later.
    connect(opensearch).indices.refresh(index=index_name)
    for mode in ("bm25", "sparse", "hybrid"):
        found = run("query", "bread", "--index", index_name, "--url", collection, "--mode", mode, "--json")
        assert found.code == 0, found.err
        assert [hit["id"] for hit in orjson.loads(found.out)["hits"]] == ["0"]
    target = f"{index_name}-copy"
    copy = run("reindex", "--from", index_name, "--to", target, "--url", collection)
    assert (copy.code, copy.out) == (2, "")
    assert "does not say what it is" in copy.err
    assert not connect(opensearch).indices.exists(index=target)
    told = run("explain", "bread", "--index", index_name, "--url", collection, "--json")
    assert told.code == 0, told.err
