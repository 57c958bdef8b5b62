"""What an index of documents with weights takes on the disk, by its parts.

OpenSearch does not tell how large a field is. So the same documents go into several indexes, all but one of them
without some part, which are merged into one segment: what is missing then was that part. `_source` is kept in all of
them, since an index without it keeps the documents all the same, for recovery.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from csplade.benchmarks.cluster_material import Weighted
from csplade.integration.dialect import Dialect
from csplade.integration.documents import Document, bulk_lines
from csplade.integration.segment_files import merge_into_one, store_bytes
from csplade.integration.size_copies import without_text, without_weights
from csplade.integration.templates import WEIGHTS_FIELD, IndexOptions, index_body
from csplade.pipelines.contract import Contract
from opensearchpy import OpenSearch

_AT_ONCE = 500
_Json = Mapping[str, Any]  # Any: a JSON object


@dataclass(frozen=True)
class _Kind:
    """One of the indexes."""

    index: str
    without: Callable[[_Json], _Json] | None = None
    """Returns its mapping without some part; None: it has all."""
    lean: bool = False
    """Its documents come without their weights."""


_KINDS = (
    _Kind("benchmark-sizes"),
    _Kind("benchmark-sizes-textless", without_text),
    _Kind("benchmark-sizes-weightless", without_weights),
    _Kind("benchmark-sizes-lean", without_weights, lean=True),
)


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


def sizes(client: OpenSearch, dialect: Dialect, contract: Contract, documents: Iterable[Weighted]) -> Sizes:
    """Index the documents with all parts, and beside it without one."""
    body = index_body(contract, IndexOptions(replicas=0), dialect)
    with _indexes(client, body):
        _fill(client, contract, documents)
        whole, textless, weightless, lean = (segment_bytes(client, kind.index) for kind in _KINDS)
    return Sizes(whole - textless, whole - weightless, weightless - lean, lean - (whole - textless))


def segment_bytes(client: OpenSearch, index: str) -> int:
    """Merge an index into one segment and return its bytes."""
    merge_into_one(client, index)
    return store_bytes(client, index)


@contextmanager
def _indexes(client: OpenSearch, body: _Json) -> Iterator[None]:
    names = ",".join(kind.index for kind in _KINDS)
    client.indices.delete(index=names, params={"ignore_unavailable": "true"})
    for kind in _KINDS:
        mapping = body["mappings"] if kind.without is None else kind.without(body["mappings"])
        client.indices.create(index=kind.index, body={**body, "mappings": mapping})
    try:
        yield
    finally:
        client.indices.delete(index=names)


def _fill(client: OpenSearch, contract: Contract, documents: Iterable[Weighted]) -> None:
    def send(kind: _Kind, some: Sequence[tuple[bytes, bytes]]) -> None:
        body = b"".join(lines[kind.lean] for lines in some)
        if client.bulk(body=body, index=kind.index, params={"request_timeout": 300})["errors"]:
            raise SystemExit("the cluster refused documents of the benchmark")

    left = iter(documents)
    with ThreadPoolExecutor(len(_KINDS)) as threads:
        while some := [_lines(contract, one) for one in islice(left, _AT_ONCE)]:
            list(threads.map(send, _KINDS, [some] * len(_KINDS)))


def _lines(contract: Contract, one: Weighted) -> tuple[bytes, bytes]:
    """Return the lines of a document with its weights, and without."""
    lines = bulk_lines(Document(one.id, one.text), one.vector, fingerprint=contract.fingerprint)
    action, source = map(orjson.loads, lines.splitlines())
    del source[WEIGHTS_FIELD]
    return lines, orjson.dumps(action) + b"\n" + orjson.dumps(source) + b"\n"
