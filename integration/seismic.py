"""Terms as numbers for the SEISMIC fields of OpenSearch, one to one; and what is lost by it; pure.

Such a field keeps term numbers in 15 bits: in OpenSearch 3.6 one larger number makes searches of the whole index fail,
newer code folds it onto another. It keeps weights in 8 bits below a ceiling. So the heaviest terms of a collection get
the numbers, the rest is left out, and whoever uses it is told how much of the scores that costs, or refused.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from csplade.integration.dialect import Clause, Dialect, Feature
from csplade.integration.documents import acceptable_weights
from csplade.integration.templates import WEIGHTS_FIELD, IndexOptions, common_blanks, load_template
from csplade.pipelines.contract import Contract
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector

NUMBERS = 32_768
"""Numbers that a term may have: those below."""
STEPS = 255
"""Steps of a weight between 0 and the ceiling."""
MOST_LOSS = 0.01
"""The share of the scores that may be lost unless told otherwise; 8 bits of weight alone cost about 0.0035."""


@dataclass(frozen=True)
class Remap:
    """Which number each term has in a field, and the ceilings of weights there."""

    numbers: Mapping[str, int]
    ceiling_document: float
    ceiling_query: float

    def __post_init__(self) -> None:
        """Check that the numbers are one to one, and that the field can hold them.

        Raises:
            UsageError: they are not.
        """
        for term, number in self.numbers.items():
            if not 0 <= number < NUMBERS:
                raise UsageError(f"the term {term!r} has the number {number}: give numbers from 0 to {NUMBERS - 1}")
        if len(set(self.numbers.values())) != len(self.numbers):
            raise UsageError("two terms have one number, and would be found for each other: give each its own")

    def to_json(self) -> bytes:
        """Return it for a file: whoever searches needs the numbers that were indexed."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, kept: bytes) -> "Remap":
        """Read what `to_json` gave.

        Raises:
            UsageError: it is something else, or its numbers are not one to one.
        """
        try:
            return cls(**orjson.loads(kept))
        except (TypeError, ValueError) as error:
            raise UsageError(f"these are no numbers of terms ({error}): give what Remap.to_json returned") from error

    def apply(self, vector: SparseVector) -> dict[str, float]:
        """Return weights by number, written as the field takes it; terms without a number are left out."""
        weights = acceptable_weights(vector).items()
        return {str(self.numbers[term]): weight for term, weight in weights if term in self.numbers}

    def stored(self, vector: SparseVector) -> SparseVector:
        """Return what a document's weights are in the field."""
        return _rounded(vector, self.numbers, self.ceiling_document)

    def asked(self, vector: SparseVector) -> SparseVector:
        """Return what a query's weights are in a search."""
        return _rounded(vector, self.numbers, self.ceiling_query)


@dataclass(frozen=True)
class Loss:
    """What a remap costs on a collection; each is a share, 0 for nothing lost."""

    terms: float
    """Of the documents' distinct terms, those without a number."""
    mass: float
    """Of the documents' weights, those of terms without a number."""
    score: float
    """Of the dot products of queries and documents, what is lost or added by missing terms and by rounding."""


def remap_of(documents: Iterable[SparseVector], queries: Iterable[SparseVector], numbers: int = NUMBERS) -> Remap:
    """Give the numbers below `numbers` to the terms with the most weight in the documents.

    Raises:
        UsageError: that are more numbers than the field has, or there is no weight at all.
    """
    if not 0 < numbers <= NUMBERS:
        raise UsageError(f"{numbers} terms cannot have numbers below {NUMBERS}: ask for 1 to {NUMBERS}")
    total, heaviest = _mass(documents)
    if not total:
        raise UsageError("the documents have no term with a weight, so there is nothing to give numbers to")
    ordered = sorted(total, key=lambda term: (-total[term], term))[:numbers]
    asked = max((weight for query in queries for weight in acceptable_weights(query).values()), default=1.0)
    return Remap({term: number for number, term in enumerate(ordered)}, heaviest, asked)


def loss_of(remap: Remap, documents: Sequence[SparseVector], queries: Sequence[SparseVector]) -> Loss:
    """Measure what the remap costs; queries times documents dot products are computed, so give samples."""
    total, _ = _mass(documents)
    missing = {term: mass for term, mass in total.items() if term not in remap.numbers}
    stored = [remap.stored(document) for document in documents]
    exact = error = 0.0
    for query in queries:
        asked = remap.asked(query)
        for document, kept in zip(documents, stored, strict=True):
            score = query.dot(document)
            exact += score
            error += abs(score - asked.dot(kept))
    mass = sum(total.values())
    return Loss(
        len(missing) / len(total) if total else 0.0,
        sum(missing.values()) / mass if mass else 0.0,
        error / exact if exact else 0.0,
    )


def require_loss(loss: Loss, most: float) -> None:
    """Refuse a remap that costs more than a share of the scores.

    Raises:
        UsageError: it does; the message holds what was measured.
    """
    if loss.score > most:
        raise UsageError(
            f"numbers below {NUMBERS} for terms cost {loss.score:.2%} of the scores ({loss.terms:.1%} of the terms and "
            f"{loss.mass:.2%} of their weight have none), and at most {most:.2%} is allowed: use a rank_features "
            "field, which keeps every term, or an encoder with a smaller vocabulary"
        )


class Sample(NamedTuple):
    """Vectors that the loss is measured with; queries times documents dot products are computed."""

    documents: Sequence[SparseVector]
    queries: Sequence[SparseVector]


class SeismicIndex(NamedTuple):
    """Settings and mappings of an index, and what its numbers cost."""

    body: dict[str, Any]  # Any: a JSON object
    loss: Loss


def seismic_index(
    contract: Contract,
    options: IndexOptions,
    dialect: Dialect,
    remap: Remap,
    sample: Sample,
    approximate_from: int,
    most_loss: float = MOST_LOSS,
) -> SeismicIndex:
    """Return an index that searches approximately in segments of `approximate_from` documents, with its measured loss.

    Raises:
        UsageError: the cluster has no such fields, or the remap costs more than `most_loss` of the sample's scores.
    """
    dialect.require(Feature.SEISMIC)
    if not any(query.dot(document) for query in sample.queries for document in sample.documents):
        raise UsageError(
            "no query of the sample shares a term with a document of it, so that no loss can be measured: give more"
        )
    loss = loss_of(remap, sample.documents, sample.queries)
    require_loss(loss, most_loss)
    own = {
        "approximate_threshold": approximate_from,
        "ceiling_ingest": remap.ceiling_document,
        "ceiling_search": remap.ceiling_query,
    }
    return SeismicIndex(load_template("seismic.json", {**own, **common_blanks(contract, options)}), loss)


def seismic_clause(
    vector: SparseVector, remap: Remap, size: int, cut: int, heap_factor: float = 1.0
) -> dict[str, Any]:  # Any: a JSON object
    """Return a clause that finds about `size` documents by the `cut` heaviest terms; more of both factors finds better.

    Raises:
        UsageError: a weight is larger than the clause takes.
    """
    weights = remap.apply(vector)
    heaviest = max(weights.values(), default=0.0)
    if heaviest > Clause.NEURAL_SPARSE.largest_weight:
        raise UsageError(
            f"a term of the query weighs {heaviest:g}, and a SEISMIC field takes at most "
            f"{Clause.NEURAL_SPARSE.largest_weight:g}: scale the query's weights down"
        )
    if not weights:
        return {"match_none": {}}
    how = {"top_n": cut, "heap_factor": heap_factor, "k": size}
    return {"neural_sparse": {WEIGHTS_FIELD: {"query_tokens": weights, "method_parameters": how}}}


def _mass(documents: Iterable[SparseVector]) -> tuple[Counter[str], float]:
    """Return the weight of each term in all documents, and the largest single weight."""
    total: Counter[str] = Counter()
    heaviest = 0.0
    for document in documents:
        weights = acceptable_weights(document)
        total.update(weights)
        heaviest = max(heaviest, max(weights.values(), default=0.0))
    return total, heaviest


def _rounded(vector: SparseVector, numbers: Mapping[str, int], ceiling: float) -> SparseVector:
    kept = ((term, weight) for term, weight in vector if term in numbers)
    return SparseVector.from_pairs(
        (term, round(STEPS * min(weight, ceiling) / ceiling) * ceiling / STEPS) for term, weight in kept
    )
