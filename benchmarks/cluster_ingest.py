"""Documents per second into a cluster: csplade, opensearch-py's parallel_bulk, requests made beforehand."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from csplade.benchmarks.cluster_material import Weighted
from csplade.integration.dialect import Dialect
from csplade.integration.documents import Document, bulk_lines
from csplade.integration.encoder import Encoder
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.load_settings import LoadSettings, loading
from csplade.integration.templates import IndexOptions, index_body
from csplade.pipelines.contract import Contract
from csplade.pipelines.sparse import SparseVector
from opensearchpy import OpenSearch
from opensearchpy.helpers import parallel_bulk

_THREADS = 4
_AT_ONCE = 500
_PREFIX = "benchmark-ingest-"
Way = Callable[[str, Sequence[Weighted]], Callable[[], None]]
"""Prepares documents for an index, and returns what sends them."""


class Precomputed:
    """Gives texts the vectors that they have already, in order."""

    def __init__(self, contract: Contract, documents: Iterable[Weighted]) -> None:
        self.contract = contract
        self._vectors = (one.vector for one in documents)

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Return the next vectors."""
        for _ in texts:
            yield next(self._vectors)

    queries = documents


def load(client: OpenSearch, encoder: Encoder, index: str, documents: Iterable[Document]) -> None:
    """Send as `csplade ingest` does; no source is read and no checkpoint kept."""
    with TemporaryDirectory() as folder:
        report = ingest(client, encoder, documents, IngestOptions(index, Path(folder) / "dead.jsonl"))
    if report.failed:
        raise SystemExit(f"{report.failed} documents failed: {report.first_reason}")


def ingest_rows(
    client: OpenSearch,
    dialect: Dialect,
    contract: Contract,
    documents: Sequence[Weighted],
    rounds: int,
    settings: LoadSettings,
) -> list[tuple[str, float]]:
    """Return documents per second of each way, in turns over the same parts of the documents.

    The indexes of all ways have the same settings while they are filled.
    """
    ways: dict[str, Way] = {
        "csplade's ingest()": _own(client, contract),
        **{
            f"parallel_bulk, {chunk} a request, {_THREADS} threads": _parallel(client, contract, chunk)
            for chunk in (200, 500, 1000)
        },
        f"requests made beforehand, {_THREADS} threads": _prepared(client, contract),
    }
    names = [f"{_PREFIX}{number}" for number in range(len(ways))]
    # A run that was killed may have left them.
    client.indices.delete(index=",".join(names), params={"ignore_unavailable": "true"})
    for name in names:
        client.indices.create(index=name, body=index_body(contract, IndexOptions(), dialect))
    with _deleted(client, names), ExitStack() as stack:
        for name in names:
            stack.enter_context(loading(client, name, settings))
        seconds = _in_turns(dict(zip(names, ways.values(), strict=True)), documents, rounds)
    return [(name, len(documents) / took) for name, took in zip(ways, seconds, strict=True)]


def _in_turns(ways: Mapping[str, Way], documents: Sequence[Weighted], rounds: int) -> list[float]:
    """Return the seconds that each way took to fill its index."""
    seconds = [0.0] * len(ways)
    size = -(-len(documents) // rounds)
    for turn in range(rounds):
        part = documents[turn * size : (turn + 1) * size]
        # Each way is first once, as what one leaves to be merged slows the next.
        for number in sorted(range(len(ways)), key=lambda number: (number + turn) % len(ways)):
            name, way = list(ways.items())[number]
            run = way(name, part)
            began = time.perf_counter()
            run()
            seconds[number] += time.perf_counter() - began
    return seconds


def encoding_speed(client: OpenSearch, dialect: Dialect, encoder: Encoder, documents: Sequence[Weighted]) -> float:
    """Return documents per second with encoding."""
    index = f"{_PREFIX}encoded"
    client.indices.create(index=index, body=index_body(encoder.contract, IndexOptions(), dialect))
    with _deleted(client, [index]):
        began = time.perf_counter()
        load(client, encoder, index, map(_document, documents))
        return len(documents) / (time.perf_counter() - began)


@contextmanager
def _deleted(client: OpenSearch, names: Sequence[str]) -> Iterator[None]:
    try:
        yield
    finally:
        client.indices.delete(index=",".join(names))


def _document(one: Weighted) -> Document:
    return Document(one.id, one.text)


def _own(client: OpenSearch, contract: Contract) -> Way:
    def prepare(index: str, documents: Sequence[Weighted]) -> Callable[[], None]:
        return lambda: load(client, Precomputed(contract, documents), index, map(_document, documents))

    return prepare


def _lines(contract: Contract, one: Weighted) -> bytes:
    return bulk_lines(_document(one), one.vector, fingerprint=contract.fingerprint)


def _parallel(client: OpenSearch, contract: Contract, chunk: int) -> Way:
    def prepare(index: str, documents: Sequence[Weighted]) -> Callable[[], None]:
        actions = [
            {"_index": index, "_id": one.id, "_source": orjson.loads(_lines(contract, one).splitlines()[1])}
            for one in documents
        ]

        def run() -> None:
            for _ in parallel_bulk(client, actions, thread_count=_THREADS, chunk_size=chunk, request_timeout=120):
                pass
            client.indices.refresh(index=index)

        return run

    return prepare


def _prepared(client: OpenSearch, contract: Contract) -> Way:
    def prepare(index: str, documents: Sequence[Weighted]) -> Callable[[], None]:
        lines = iter([_lines(contract, one) for one in documents])
        bodies = list(iter(lambda: b"".join(islice(lines, _AT_ONCE)), b""))

        def send(body: bytes) -> None:
            if client.bulk(body=body, index=index, params={"request_timeout": 120})["errors"]:
                raise SystemExit("the cluster refused documents of the benchmark")

        def run() -> None:
            with ThreadPoolExecutor(_THREADS) as threads:
                list(threads.map(send, bodies))
            client.indices.refresh(index=index)

        return run

    return prepare
