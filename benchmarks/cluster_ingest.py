"""Documents per second into a cluster: csplade, opensearch-py's parallel_bulk, requests made beforehand."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
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
INDEX = "benchmark-ingest"
Way = Callable[[Sequence[Weighted]], Callable[[], None]]
"""Prepares documents, and returns what sends them to the index."""


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
    """Return documents per second of each way, in turns, each time into an empty index of the same settings."""
    ways: dict[str, Way] = {
        "csplade's ingest()": _own(client, contract),
        **{
            f"parallel_bulk, {chunk} a request, {_THREADS} threads": _parallel(client, contract, chunk)
            for chunk in (200, 500, 1000)
        },
        f"requests made beforehand, {_THREADS} threads": _prepared(client, contract),
    }

    def run(way: Way) -> float:
        with empty_index(client, dialect, contract), loading(client, INDEX, settings):
            send = way(documents)
            began = time.perf_counter()
            send()
            return time.perf_counter() - began

    seconds = in_turns([partial(run, way) for way in ways.values()], rounds)
    return [(name, len(documents) * rounds / took) for name, took in zip(ways, seconds, strict=True)]


def in_turns(runs: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """Return the seconds that each took in so many rounds; in as many as there are, each is at each place once."""
    seconds = [0.0] * len(runs)
    for turn in range(rounds):
        for number in sorted(range(len(runs)), key=lambda number: (number + turn) % len(runs)):
            seconds[number] += runs[number]()
    return seconds


@contextmanager
def empty_index(client: OpenSearch, dialect: Dialect, contract: Contract) -> Iterator[None]:
    """Have an index of csplade's, which is deleted at the end."""
    # A run that was killed may have left it.
    client.indices.delete(index=INDEX, params={"ignore_unavailable": "true"})
    client.indices.create(index=INDEX, body=index_body(contract, IndexOptions(), dialect))
    try:
        yield
    finally:
        client.indices.delete(index=INDEX)


def encoding_speed(client: OpenSearch, dialect: Dialect, encoder: Encoder, documents: Sequence[Weighted]) -> float:
    """Return documents per second with encoding."""
    with empty_index(client, dialect, encoder.contract):
        began = time.perf_counter()
        load(client, encoder, INDEX, map(_document, documents))
        return len(documents) / (time.perf_counter() - began)


def _document(one: Weighted) -> Document:
    return Document(one.id, one.text)


def _own(client: OpenSearch, contract: Contract) -> Way:
    def prepare(documents: Sequence[Weighted]) -> Callable[[], None]:
        return lambda: load(client, Precomputed(contract, documents), INDEX, map(_document, documents))

    return prepare


def _lines(contract: Contract, one: Weighted) -> bytes:
    return bulk_lines(_document(one), one.vector, fingerprint=contract.fingerprint)


def _parallel(client: OpenSearch, contract: Contract, chunk: int) -> Way:
    def prepare(documents: Sequence[Weighted]) -> Callable[[], None]:
        actions = [
            {"_index": INDEX, "_id": one.id, "_source": orjson.loads(_lines(contract, one).splitlines()[1])}
            for one in documents
        ]

        def run() -> None:
            for _ in parallel_bulk(client, actions, thread_count=_THREADS, chunk_size=chunk, request_timeout=120):
                pass
            client.indices.refresh(index=INDEX)

        return run

    return prepare


def _prepared(client: OpenSearch, contract: Contract) -> Way:
    def prepare(documents: Sequence[Weighted]) -> Callable[[], None]:
        lines = iter([_lines(contract, one) for one in documents])
        bodies = list(iter(lambda: b"".join(islice(lines, _AT_ONCE)), b""))

        def send(body: bytes) -> None:
            if client.bulk(body=body, index=INDEX, params={"request_timeout": 120})["errors"]:
                raise SystemExit("the cluster refused documents of the benchmark")

        def run() -> None:
            with ThreadPoolExecutor(_THREADS) as threads:
                list(threads.map(send, bodies))
            client.indices.refresh(index=INDEX)

        return run

    return prepare
