"""What a precision costs and gives on a development collection, beside the float32 encoder; needs the extra [eval]."""

import statistics
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from csplade.pipelines.development import BEST_MEASURE, Development, ranked
from csplade.pipelines.encode import EncodeOptions, Encoder
from csplade.pipelines.errors import UsageError
from csplade.pipelines.evaluate import measure
from csplade.pipelines.golden import distance, shared
from csplade.pipelines.sparse import SparseVector

_TIMED_DOCUMENTS, _TIMED_QUERIES, _PASSES = 48, 60, 3
_UNKEPT = EncodeOptions(kept_queries=0)
"""A query's time is that of encoding it, not of finding its vector."""


@dataclass(frozen=True)
class Measured:
    """One row of the table."""

    precision: str
    megabytes: float
    """Of the whole folder."""
    documents_per_second: float
    query_ms: float
    """Median of single queries."""
    difference: float
    """Mean over documents of |vector - exact| / |exact|."""
    overlap: float
    """Mean over documents of the share of the exact vector's ten heaviest terms that are among its ten heaviest."""
    ndcg: float
    loss: float
    """Share of the exact encoder's nDCG@10 that is lost; below 0 where something is won."""


@dataclass(frozen=True)
class Encoded:
    """The vectors of a development collection, by id."""

    documents: Mapping[str, SparseVector]
    queries: Mapping[str, SparseVector]


def encoded(encoder: Encoder, development: Development) -> Encoded:
    """Encode a development collection."""
    documents, queries = development.documents, development.collection.queries
    return Encoded(
        dict(zip(documents, encoder.documents(documents.values()), strict=True)),
        dict(zip(queries, encoder.queries(queries.values()), strict=True)),
    )


def ndcg(vectors: Encoded, development: Development) -> float:
    """Return nDCG@10 of exact dot products."""
    collection = development.collection
    return measure(collection.judgments, ranked(vectors.documents, vectors.queries, collection))[BEST_MEASURE]


def compared(folders: Mapping[str, Path], development: Development) -> list[Measured]:
    """Return a row for each encoder folder, by the name of its precision; the first is what the others lose against.

    Raises:
        UsageError: the first one finds nothing, so that nothing can be lost.
    """
    encoders = {name: Encoder.open(folder, _UNKEPT) for name, folder in folders.items()}
    vectors = {name: encoded(encoder, development) for name, encoder in encoders.items()}
    exact = next(iter(vectors.values()))
    scores = {name: ndcg(each, development) for name, each in vectors.items()}
    best = measurable(next(iter(scores.values())))
    speeds = _speeds(encoders, development)
    return [
        Measured(
            name,
            folder_megabytes(folders[name]),
            *speeds[name],
            difference=_mean(distance(own, exact.documents[key]) for key, own in each.documents.items()),
            overlap=_mean(shared(own, exact.documents[key]) for key, own in each.documents.items()),
            ndcg=scores[name],
            loss=lost(best, scores[name]),
        )
        for name, each in vectors.items()
    ]


def lost(exact: float, found: float) -> float:
    """Return the share of nDCG@10 that is lost; that of the exact encoder must be `measurable`."""
    return (exact - found) / exact


def measurable(exact: float) -> float:
    """Return the exact encoder's nDCG@10, of which something can be lost.

    Raises:
        UsageError: it is 0.
    """
    if not exact:
        raise UsageError(
            "the encoder in float32 finds no relevant document of this collection (nDCG@10 is 0), so that nothing it "
            "loses could be seen: name another --collection, or more --documents of it"
        )
    return exact


def folder_megabytes(folder: Path) -> float:
    """Return the size of a folder's files."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6


def _speeds(encoders: Mapping[str, Encoder], development: Development) -> dict[str, tuple[float, float]]:
    """Return documents/s, the best of passes that take turns, and the median of single queries in milliseconds."""
    documents = list(development.documents.values())[:_TIMED_DOCUMENTS]
    queries = list(development.collection.queries.values())[:_TIMED_QUERIES]
    seconds = {name: float("inf") for name in encoders}
    waits: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(_PASSES):
        for name, encoder in encoders.items():
            began = time.perf_counter()
            for _ in encoder.documents(documents):
                pass
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    for query in queries:
        for name, encoder in encoders.items():
            began = time.perf_counter()
            encoder.query(query)
            waits[name].append(time.perf_counter() - began)
    return {name: (len(documents) / seconds[name], 1000 * statistics.median(waits[name])) for name in encoders}


def _mean(values: Iterable[float]) -> float:
    """Return the mean of what is finite: no vector is a share of an empty one away."""
    finite = [value for value in values if value != float("inf")]
    return statistics.fmean(finite) if finite else 0.0
