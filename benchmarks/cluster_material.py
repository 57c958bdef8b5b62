"""Documents for the benchmark of clusters: real ones with their vectors, and any number of synthetic ones like them.

A synthetic document is half the terms (with their weights) and half the words of one real document, and half of
another: so documents have as many terms as real ones, terms are as frequent and as heavy, and some go together. Its
number alone decides what is in it. What is not real is the growth of the vocabulary: 500,000 real documents have more
rare words.
"""

import heapq
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from csplade.integration.documents import Document, RecordOptions, read_documents
from csplade.pipelines.calibration import Calibration
from csplade.pipelines.errors import UsageError
from csplade.pipelines.evaluate import Collection, read_collection
from csplade.pipelines.jsonl import Record
from csplade.pipelines.sources import find_source
from csplade.pipelines.sparse import SparseVector


@dataclass(frozen=True)
class Weighted:
    """A text with its vector."""

    id: str
    text: str
    vector: SparseVector


@dataclass(frozen=True)
class Material:
    """A judged collection with the vectors that an encoder gave its documents and queries."""

    documents: tuple[Weighted, ...]
    queries: tuple[Weighted, ...]
    collection: Collection

    def synthetic(self, number: int) -> Weighted:
        """Return the synthetic document of a number."""
        chance = random.Random(number)
        texts: list[str] = []
        weights: dict[str, float] = {}
        for half in chance.sample(self.documents, 2):
            words = half.text.split()
            texts += words[: len(words) // 2] if chance.random() < 0.5 else words[len(words) // 2 :]
            terms = list(half.vector)
            weights |= dict(chance.sample(terms, (len(terms) + 1) // 2))
        return Weighted(str(number), " ".join(texts), SparseVector.from_pairs(weights.items()))


def read_material(folder: Path, vectors: Path, query_vectors: Path, queries: int) -> Material:
    """Read a BEIR folder and what `csplade encode` wrote of its documents and queries; the first `queries` of these.

    Raises:
        UsageError: a text has no vector in its file.
    """
    collection = read_collection(folder)
    wanted = dict(list(collection.queries.items())[:queries])
    records = (one for one in find_source(str(folder), None).records())
    texts = {one.id: one.text for one in read_documents(records, RecordOptions()) if isinstance(one, Document)}
    return Material(_weighted(texts, vectors), _weighted(wanted, query_vectors), collection)


def calibrated(material: Material, calibration: Calibration) -> Material:
    """Return the material with queries that weigh as they do in an index of these documents."""
    queries = (replace(one, vector=calibration.applied(one.vector)) for one in material.queries)
    return replace(material, queries=tuple(queries))


def _weighted(texts: dict[str, str], path: Path) -> tuple[Weighted, ...]:
    values = (one.value for one in find_source(str(path), None).records() if isinstance(one, Record))
    vectors = {str(one["id"]): SparseVector.from_pairs(one["vector"].items()) for one in values}
    missing = next((name for name in texts if name not in vectors), None)
    if missing is not None:
        raise UsageError(f"{path} has no vector of {missing!r}: encode the whole collection with `csplade encode`")
    # What has no term or fewer than two words gives nothing to draw from.
    usable = ((name, text) for name, text in texts.items() if vectors[name] and len(text.split()) > 1)
    return tuple(Weighted(name, text, vectors[name]) for name, text in usable)


class Exact:
    """The best dot products of queries with all documents that were added."""

    def __init__(self, queries: Iterable[Weighted], depth: int = 10) -> None:
        self._depth = depth
        self._by_term: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self._best: list[list[float]] = []
        for number, query in enumerate(queries):
            self._best.append([])
            for term, weight in query.vector:
                self._by_term[term].append((number, weight))

    def add(self, vector: SparseVector) -> None:
        """Compare a document with all queries."""
        scores: dict[int, float] = defaultdict(float)
        for term, weight in vector:
            for number, asked in self._by_term.get(term, ()):
                scores[number] += asked * weight
        for number, score in scores.items():
            best = self._best[number]
            if len(best) < self._depth:
                heapq.heappush(best, score)
            elif score > best[0]:
                heapq.heapreplace(best, score)

    def recall(self, number: int, scores: Iterator[float]) -> float:
        """Return which share of a query's best there is among documents with these dot products; ties count."""
        best = self._best[number]
        if not best:
            return 1.0
        return sum(score >= best[0] * (1 - 1e-6) for score in scores) / len(best)
