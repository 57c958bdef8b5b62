"""How well an encoder in training ranks a development collection: exact dot products, no cluster; needs torch.

Texts are encoded as the exported encoder would encode them, top-k and literal path included, so that what is measured
is what will be served.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from csplade.pipelines.collectives import device_count, device_rank, gather_items
from csplade.pipelines.encode import Encoder
from csplade.pipelines.errors import SourceError
from csplade.pipelines.evaluate import ASKED_DEPTH, Collection, measure, order, read_collection, require_ir_measures
from csplade.pipelines.folder import Tables
from csplade.pipelines.identified import add_text, identified_text
from csplade.pipelines.own_documents import with_own_documents
from csplade.pipelines.sources import Source, find_source
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.torch_graph import TorchGraph
from csplade.pipelines.trained import Trained
from csplade.pipelines.trained_contract import contract_of
from csplade.pipelines.training_line import LineError
from numpy.typing import NDArray

BEST_MEASURE = "nDCG@10"


@dataclass(frozen=True)
class Development:
    """A judged collection with the texts of its documents."""

    collection: Collection
    documents: Mapping[str, str]
    """Text by id."""
    left_out: int
    """Documents beyond the limit, none of them judged."""


class Postings:
    """Vectors by id, turned into lists by term."""

    def __init__(self, vectors: Iterable[tuple[str, SparseVector]]) -> None:
        self._ids: list[str] = []
        by_term: dict[str, tuple[list[int], list[float]]] = {}
        for row, (identity, vector) in enumerate(vectors):
            self._ids.append(identity)
            for term, weight in vector.weights.items():
                rows, weights = by_term.setdefault(term, ([], []))
                rows.append(row)
                weights.append(weight)
        self._lists: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {
            term: (np.array(rows), np.array(weights)) for term, (rows, weights) in by_term.items()
        }

    def best(self, query: SparseVector, depth: int = ASKED_DEPTH, without: str | None = None) -> tuple[str, ...]:
        """Return the ids of the largest dot products, largest first; those of 0 and `without` are left out."""
        scores = np.zeros(len(self._ids))
        for term, weight in query.weights.items():
            if term in self._lists:
                rows, weights = self._lists[term]
                scores[rows] += weight * weights
        alive = np.flatnonzero(scores)
        if len(alive) > depth:
            # All that are level with the last one stay, as `order` decides among them.
            last = np.partition(scores[alive], len(alive) - depth)[len(alive) - depth]
            alive = alive[scores[alive] >= last]
        return order(((self._ids[row], float(scores[row])) for row in alive), without=without)


def ranked(
    documents: Mapping[str, SparseVector], queries: Mapping[str, SparseVector], collection: Collection
) -> dict[str, tuple[str, ...]]:
    """Return the ids that each query finds by exact dot products, best first, but for the document that it is."""
    postings = Postings(documents.items())
    return {query: postings.best(vector, without=collection.own_document(query)) for query, vector in queries.items()}


def read_development(folder: Path, most_documents: int) -> Development:
    """Read a BEIR folder; of its documents the judged ones, then the first others up to `most_documents`.

    Raises:
        SourceError: a file is missing or a line of it is wrong, or no judged document is there.
        MissingExtraError: ir_measures is not installed.
    """
    require_ir_measures()
    collection = read_collection(folder)
    source = find_source(str(folder))
    kept, others, left_out = _documents(source, collection.documents, most_documents)
    if not kept:
        raise SourceError(
            f"{source.name} holds none of the {len(collection.documents)} judged documents: name a whole BEIR folder"
        )
    room = max(0, most_documents - len(kept))
    first = dict(list(others.items())[:room])
    documents = kept | first
    known = with_own_documents(collection, {identity: (text,) for identity, text in documents.items()})
    return Development(known, documents, left_out + len(others) - len(first))


def _documents(source: Source, judged: Set[str], most_others: int) -> tuple[dict[str, str], dict[str, str], int]:
    """Return the judged documents, the first others, and how many more of those there are."""
    kept: dict[str, str] = {}
    others: dict[str, str] = {}
    left_out = 0
    for record in source.records():
        try:
            identity, text = identified_text(record, ("title", "text"))
            if identity in judged:
                add_text(kept, identity, text)
            elif identity in others or len(others) < most_others:
                add_text(others, identity, text)
            else:
                left_out += 1
        except LineError as error:
            raise SourceError(f"line {record.line} of {source.name} {error}") from error
    return kept, others, left_out


def encoder_of(trained: Trained) -> Encoder:
    """Return the encoder that the trained model would be exported to, running in torch; the model is evaluating now."""
    tables = Tables(trained.terms, trained.idf)
    return Encoder(contract_of(trained), trained.tokenizer.to_str(), TorchGraph(trained.model), tables)


def measured(trained: Trained, development: Development, shared: bool = False) -> dict[str, float]:
    """Return nDCG@10 and the other measures of the model on the collection; it is left in evaluation mode.

    `shared` lets each device that trains along encode its part of the texts, so that none waits for another; then all
    have to call, and all are told.
    """
    encoder = encoder_of(trained)
    queries = development.collection.queries
    documents = _encoded(encoder.documents, development.documents, shared)
    vectors = _encoded(encoder.queries, queries, shared)
    return measure(development.collection.judgments, ranked(documents, vectors, development.collection))


def _encoded(
    encode: Callable[[Iterable[str]], Iterator[SparseVector]], texts: Mapping[str, str], shared: bool
) -> dict[str, SparseVector]:
    """Return the vector of each text, by id, in the order of the texts."""
    rank, count = (device_rank(), device_count()) if shared else (0, 1)
    own = dict(islice(texts.items(), rank, None, count))
    vectors = dict(zip(own, encode(own.values()), strict=True))
    everyones = gather_items(vectors) if shared else [vectors]
    together = {identity: vector for part in everyones for identity, vector in part.items()}
    return {identity: together[identity] for identity in texts}
