"""Terms as numbers for a SEISMIC field of OpenSearch, one to one; and what is lost by it; pure.

Such a field keeps term numbers in 15 bits: in OpenSearch 3.6 one larger number makes searches of the whole index fail,
newer code folds it onto another. It keeps weights in 8 bits below a ceiling. So the heaviest terms of a collection get
the numbers, the rest is left out, and whoever uses it is told how much of the scores that costs, or refused.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from csplade.integration.documents import acceptable_weights
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector

NUMBERS = 32_768
"""Numbers that a term may have: those below."""
STEPS = 255
"""Steps of a weight between 0 and the ceiling."""
BEST = 10
"""Documents of a query whose scores are compared."""
APPROXIMATE_FROM = 10_000
"""Documents of a segment from which on it is searched approximately unless told otherwise; the cluster's own is 1M."""
MOST_LOSS = 0.01
"""The share of the scores that may be lost unless told otherwise; 8 bits of weight alone cost about 0.0035."""


@dataclass(frozen=True)
class Remap:
    """Which terms have a number in a field, their place among them, and the ceiling of documents' weights there."""

    terms: tuple[str, ...]
    ceiling: float

    def __post_init__(self) -> None:
        """Check that the numbers are one to one, and that the field can hold them.

        Raises:
            UsageError: they are not.
        """
        if len(self.terms) > NUMBERS:
            raise UsageError(f"{len(self.terms)} terms cannot have numbers below {NUMBERS}: leave the lightest out")
        if len(self.numbers) != len(self.terms):
            twice = next(term for number, term in enumerate(self.terms) if self.numbers[term] != number)
            raise UsageError(f"the term {twice!r} has two numbers, and must have one: name each term once")

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Return the number of each term."""
        return {term: number for number, term in enumerate(self.terms)}

    def apply(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Return weights by number, written as the field takes it; terms without a number are left out."""
        numbers = self.numbers
        return {str(numbers[term]): weight for term, weight in weights.items() if term in numbers}

    def stored(self, vector: SparseVector) -> SparseVector:
        """Return what a document's weights are in the field."""
        return _rounded(vector, self.numbers, self.ceiling)

    def asked(self, vector: SparseVector) -> SparseVector:
        """Return what a query's weights are in a search, in which the heaviest is at the ceiling of queries."""
        heaviest = max((weight for term, weight in vector if term in self.numbers), default=1.0)
        return _rounded(vector, self.numbers, heaviest)


class Coverage:
    """How much of the weight of documents is that of terms with a number."""

    def __init__(self, remap: Remap) -> None:
        self._numbers = remap.numbers
        self._all = self._without = 0.0

    def add(self, vector: SparseVector) -> None:
        """Count a document."""
        for term, weight in vector:
            self._all += weight
            if term not in self._numbers:
                self._without += weight

    @property
    def missing(self) -> float:
        """Return the share of the weight whose terms have no number."""
        return self._without / self._all if self._all else 0.0


@dataclass(frozen=True)
class Loss:
    """What a remap costs on a collection; each is a share, 0 for nothing lost."""

    terms: float
    """Of the documents' distinct terms, those without a number."""
    mass: float
    """Of the documents' weights, those of terms without a number."""
    score: float
    """Of the dot products of queries and their best documents, what is lost or added by missing terms and rounding."""


def remap_of(documents: Iterable[SparseVector], numbers: int = NUMBERS, known: Iterable[str] = ()) -> Remap:
    """Give the numbers below `numbers` to the terms with the most weight in the documents, then to others `known`.

    Raises:
        UsageError: that are more numbers than the field has, or there is no weight at all.
    """
    if not 0 < numbers <= NUMBERS:
        raise UsageError(f"{numbers} terms cannot have numbers below {NUMBERS}: ask for 1 to {NUMBERS}")
    total, heaviest = _mass(documents)
    if not total:
        raise UsageError("the documents have no term with a weight, so there is nothing to give numbers to")
    ordered = dict.fromkeys((*sorted(total, key=lambda term: (-total[term], term)), *known))
    # Which number is whose says nothing, and sorted terms take less room in a mapping.
    return Remap(tuple(sorted((*ordered,)[:numbers])), heaviest)


def loss_of(remap: Remap, documents: Sequence[SparseVector], queries: Sequence[SparseVector]) -> Loss:
    """Measure what the remap costs; all dot products of queries and documents are computed, so give samples.

    Scores are compared for the `BEST` documents of each query, which are what a search is for: beside all the others,
    which share a frequent term or two with it, the loss of a rare term would not be seen.
    """
    total, _ = _mass(documents)
    missing = {term: mass for term, mass in total.items() if term not in remap.numbers}
    stored = [remap.stored(document) for document in documents]
    exact = error = 0.0
    for query in queries:
        asked = remap.asked(query)
        scores = [query.dot(document) for document in documents]
        for place in sorted(range(len(scores)), key=lambda place: -scores[place])[:BEST]:
            exact += scores[place]
            error += abs(scores[place] - asked.dot(stored[place]))
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
            f"numbers below {NUMBERS} for terms, and weights of 8 bits, cost {loss.score:.2%} of the scores "
            f"({loss.terms:.1%} of the terms and {loss.mass:.2%} of their weight have no number), and at most "
            f"{most:.2%} is allowed: choose the numbers by more documents (--seismic-sample), allow more "
            "(--seismic-loss), or go without such a field"
        )


class Sample(NamedTuple):
    """Vectors that the loss is measured with; queries times documents dot products are computed."""

    documents: Sequence[SparseVector]
    queries: Sequence[SparseVector]


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
