"""Query weights for one collection: the idf of broad text, brought half the way to that of the collection's documents.

The literal path gives a word sqrt(idf) on both sides, idf over broad text, so that vectors depend on no index. With own
the idf of the word in the collection, a query's term is multiplied by

    sqrt(own / idf)        own = -log((n + PRIOR exp(-idf)) / (N + PRIOR))

n of N documents hold it, and broad text counts like PRIOR documents more. So the product of both sides is the geometric
mean of both idfs, and documents stay as they are. `docs/method.md` has what it gives. Pure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import exp, log, sqrt
from pathlib import Path

from csplade.pipelines.contract import Literal, read_contract
from csplade.pipelines.folder import read_tables
from csplade.pipelines.sparse import SparseVector

PRIOR = 20.0
MOST_FACTORS = 2000
"""Terms with a factor of their own, the most frequent; in JSON about 30 kB."""
_DIGITS = 3
_LARGEST_FACTOR = 1e6


@dataclass(frozen=True)
class Calibration:
    """What a query's weights are multiplied by for one collection."""

    factors: Mapping[str, float]
    """By term key."""
    other: float
    """For all other terms."""
    documents: int
    """How many were read for it."""

    def applied(self, query: SparseVector) -> SparseVector:
        """Return the query's vector with its weights multiplied."""
        return SparseVector.from_pairs((term, weight * self.factors.get(term, self.other)) for term, weight in query)

    def to_json(self) -> dict[str, object]:
        """Return what `read_calibration` reads."""
        return {"factors": dict(self.factors), "other": self.other, "documents": self.documents}


def calibration_of(texts: Iterable[str], idf: Mapping[str, float], literal: Literal) -> Calibration:
    """Return the factors of a collection of which these are all documents, or some drawn by chance; reads lazily."""
    # Numpy comes with it, which those that only read what was counted do without.
    from csplade.pipelines.words import find_words

    found, documents = Counter[str](), 0
    for text in texts:
        found.update(set(find_words(text, literal.analysis).keys))
        documents += 1
    factors = [
        (term, round(_factor(count, documents, idf.get(term, literal.default_idf)), _DIGITS))
        for term, count in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]
    rest = [factor for _, factor in factors[MOST_FACTORS:]]
    return Calibration(dict(factors[:MOST_FACTORS]), round(sum(rest) / len(rest), _DIGITS) if rest else 1.0, documents)


Count = Callable[[Iterable[str]], Calibration]
"""Counts the words of a collection's documents."""


def counter(folder: Path) -> Count | None:
    """Return what counts words as the encoder of a folder reads them; None if its terms are no words.

    Raises:
        EncoderError: the folder is incomplete or damaged.
    """
    literal = read_contract(folder).literal
    return None if literal is None else partial(calibration_of, idf=read_tables(folder).idf, literal=literal)


def read_calibration(value: object) -> Calibration | None:
    """Return what `to_json` gave; None if it is anything else."""
    match value:
        case {"factors": dict(factors), "other": float() | int() as other, "documents": int(documents)} if all(
            _is_factor(factor) for factor in (*factors.values(), other)
        ):
            return Calibration(factors, other, documents)
    return None


def _factor(count: int, documents: int, idf: float) -> float:
    own = -log((count + PRIOR * exp(-idf)) / (documents + PRIOR))
    return sqrt(max(own, 0.0) / idf) if idf > 0 else 1.0


def _is_factor(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LARGEST_FACTOR
