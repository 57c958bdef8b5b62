"""What an index of documents with weights takes on the disk, by its parts.

OpenSearch does not tell how large a field is. So the same documents are indexed several times, each time without one
part, and merged into one segment: what is missing then was that part. `_source` is kept in all of them, since an index
without it keeps the documents all the same, for recovery.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from csplade.benchmarks.cluster_material import Weighted
from csplade.integration.dialect import Dialect
from csplade.integration.documents import Document, bulk_lines
from csplade.integration.templates import TEXT_FIELD, WEIGHTS_FIELD, IndexOptions, index_body
from csplade.pipelines.contract import Contract
from opensearchpy import OpenSearch

_INDEX = "benchmark-sizes"
_AT_ONCE = 500
_SECONDS = 1800
_Json = Mapping[str, Any]  # Any: a JSON object
_NOT_INDEXED: Mapping[str, _Json] = {
    TEXT_FIELD: {"type": "text", "index": False, "norms": False},
    WEIGHTS_FIELD: {"type": "object", "enabled": False},
}


@dataclass(frozen=True)
class Sizes:
    """Bytes of one segment."""

    text: int
    """Postings of the text, for BM25."""
    weights: int
    """Postings of the weights."""
    weights_in_source: int
    """What the weights take once more as a part of the documents as they were sent."""
    rest: int
    """The documents without their weights, ids, marks."""

    @property
    def whole(self) -> int:
        """Return bytes of the index as csplade makes it."""
        return self.text + self.weights + self.weights_in_source + self.rest


def sizes(
    client: OpenSearch, dialect: Dialect, contract: Contract, documents: Callable[[], Iterable[Weighted]]
) -> Sizes:
    """Index the documents with all parts, then without one; `documents` gives them anew each time."""
    body = index_body(contract, IndexOptions(replicas=0), dialect)

    def measured(without: Sequence[str], sent: bool = True) -> int:
        with _index(client, _without(body, without)):
            _fill(client, _bodies(contract, documents(), sent))
            return segment_bytes(client, _INDEX)

    whole = measured(())
    text = whole - measured((TEXT_FIELD,))
    kept = measured((WEIGHTS_FIELD,))
    lean = measured((WEIGHTS_FIELD,), sent=False)
    return Sizes(text, whole - kept, kept - lean, lean - text)


def segment_bytes(client: OpenSearch, index: str) -> int:
    """Merge an index into one segment and return its bytes."""
    client.indices.forcemerge(index=index, params={"max_num_segments": 1, "request_timeout": _SECONDS})
    # What was merged is deleted with the next commit.
    client.indices.flush(index=index, params={"force": "true", "request_timeout": _SECONDS})
    client.indices.refresh(index=index)
    return store_bytes(client, index)


def store_bytes(client: OpenSearch, index: str) -> int:
    """Return the bytes of an index as it is now."""
    stats = client.indices.stats(index=index, metric="store")
    return int(stats["_all"]["primaries"]["store"]["size_in_bytes"])


@contextmanager
def _index(client: OpenSearch, body: _Json) -> Iterator[None]:
    client.indices.delete(index=_INDEX, params={"ignore_unavailable": "true"})
    client.indices.create(index=_INDEX, body=body)
    try:
        yield
    finally:
        client.indices.delete(index=_INDEX)


def _without(body: _Json, names: Sequence[str]) -> _Json:
    mappings = body["mappings"]
    properties = {**mappings["properties"], **{name: _NOT_INDEXED[name] for name in names}}
    return {**body, "mappings": {**mappings, "properties": properties}}


def _bodies(contract: Contract, documents: Iterable[Weighted], sent: bool) -> Iterator[bytes]:
    left = iter(documents)
    while some := b"".join(_lines(contract, one, sent) for one in islice(left, _AT_ONCE)):
        yield some


def _lines(contract: Contract, one: Weighted, sent: bool) -> bytes:
    lines = bulk_lines(Document(one.id, one.text), one.vector, fingerprint=contract.fingerprint)
    if sent:
        return lines
    action, source = map(orjson.loads, lines.splitlines())
    del source[WEIGHTS_FIELD]
    return orjson.dumps(action) + b"\n" + orjson.dumps(source) + b"\n"


def _fill(client: OpenSearch, bodies: Iterable[bytes]) -> None:
    for body in bodies:
        if client.bulk(body=body, index=_INDEX, params={"request_timeout": 300})["errors"]:
            raise SystemExit("the cluster refused documents of the benchmark")
