"""How a question is asked: `PlanOptions` names every choice; from a vector and a budget comes what is sent of it.

Every term is one clause of the query, and a cluster limits the clauses of a whole query; the light tail of a long
expansion costs time and hardly moves a score. Pure.
"""

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from csplade.integration.dialect import USUAL_LIMIT
from csplade.integration.documents import acceptable_weights
from csplade.integration.templates import TEXT_FIELD, WEIGHTS_FIELD
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector

DEFAULT_MAX_CLAUSES = USUAL_LIMIT // 2
"""Half of what clusters usually take, so that filters and the words of a hybrid query have room."""
LONGEST_OF_TWO_PHASES = 20
"""Hits up to which a query has two phases unless the number of phases is chosen."""
LARGEST_WINDOW = 10_000
"""Hits of a shard that may be scored again (`index.max_rescore_window`)."""


class Phases(enum.StrEnum):
    """Whether all terms find documents, or the heavy ones do and the light ones only score the best of them."""

    AUTO = "auto"
    """Two for the first hits, one for long lists, of passages, and in the cluster's hybrid query; see `two_phases`.

    Where the heavy terms find fewer than were asked for, all terms are asked after that.
    """
    ONE = "one"
    TWO = "two"
    SEISMIC = "seismic"
    """The SEISMIC field of an index that has one finds documents approximately, and all terms score them.

    That is for the mode sparse by the one field of weights, without filter and anchor, as such a field lets filters see
    only what it has found; everything else is asked as with `AUTO`.
    """


class Anchor(enum.StrEnum):
    """What a document must match to be found; with an anchor, terms only score."""

    NONE = "none"
    TEXT = "text"
    FILTER = "filter"


class Fusion(enum.StrEnum):
    """How a hybrid query brings terms and BM25 together."""

    SUM = "sum"
    """Terms' score plus BM25's times its weight."""
    NORMALIZED = "normalized"
    """The same, each divided by what a good hit has in this index, measured when it was made."""
    RRF = "rrf"
    """Two rankings, merged here by the reciprocals of ranks."""
    SERVER = "server"
    """The cluster's own `hybrid` query, which brings the scores of each answer between 0 and 1."""


class Total(enum.StrEnum):
    """How far the cluster counts what matches; counting keeps it from skipping what cannot be among the best."""

    NONE = "none"
    USUAL = "usual"
    """To 10,000."""
    EXACT = "exact"


@dataclass(frozen=True)
class FieldWeight:
    """A field and the factor of its score.

    Raises:
        UsageError: it has no name, or no weight above 0.
    """

    name: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.name or not 0 < self.weight < math.inf:
            raise UsageError(f"{self.name!r} with the weight {self.weight} is no field to score: write it like title^2")


@dataclass(frozen=True)
class PlanOptions:
    """How much of a query vector is sent, and how it is asked.

    Raises:
        UsageError: a number is out of its range, or two choices exclude each other.
    """

    max_clauses: int = DEFAULT_MAX_CLAUSES
    """Terms at most; of several fields, in all together."""
    share: float = 1.0
    """Share of the vector's mass that is enough; 1 keeps every term that the clauses allow."""
    ratio: float = 0.0
    """Terms lighter than this part of the heaviest are dropped; 0 keeps them."""
    phases: Phases = Phases.AUTO
    heavy: float = 0.4
    """With two phases, terms of at least this part of the heaviest find documents."""
    expansion: float = 5.0
    """With two phases, how many times the hits asked for each shard scores again, up to `LARGEST_WINDOW`."""
    cut: int = 10
    """Of a SEISMIC field, how many of the heaviest terms find documents."""
    heap_factor: float = 1.2
    """Of a SEISMIC field, how far groups of documents are looked into that promise less than the best so far."""
    anchor: Anchor = Anchor.NONE
    fusion: Fusion = Fusion.SUM
    rank_constant: int = 60
    """With RRF, what is added to a rank; the larger, the less the first ranks count."""
    rank_depth: int = 100
    """With RRF and the cluster's hybrid query, hits of each ranking that are merged at least."""
    fields: tuple[FieldWeight, ...] = (FieldWeight(WEIGHTS_FIELD),)
    """Fields of term weights."""
    text_fields: tuple[FieldWeight, ...] = (FieldWeight(TEXT_FIELD),)
    """Fields that BM25 compares."""
    total: Total = Total.NONE
    calibrated: bool = True
    """Whether weights are those for the index, if it holds what they are multiplied by (`csplade calibrate`)."""

    def __post_init__(self) -> None:
        for wrong, message in self._faults():
            if wrong:
                raise UsageError(message)

    def _faults(self) -> Sequence[tuple[bool, str]]:
        server, two = self.fusion is Fusion.SERVER, self.phases is Phases.TWO
        return (
            (self.max_clauses < 1, f"{self.max_clauses} clauses are no query: allow at least 1"),
            (not 0 < self.share <= 1, f"{self.share} is no share of a query's mass: give more than 0 and at most 1"),
            (not 0 <= self.ratio <= 1, f"{self.ratio} is no part of the heaviest weight: give a number from 0 to 1"),
            (not 0 < self.heavy <= 1, f"{self.heavy} is no part of the heaviest weight: give more than 0, at most 1"),
            (self.cut < 1, f"{self.cut} terms find nothing in a SEISMIC field: give 1 or more"),
            (not 0 < self.heap_factor < math.inf, f"{self.heap_factor} is no factor of a score: give more than 0"),
            (not 1 <= self.expansion < math.inf, f"{self.expansion} times the hits are too few: give 1 or more"),
            (
                self.phases is Phases.SEISMIC and self.total is not Total.NONE,
                "a SEISMIC field finds only some of what matches: choose other phases or no total",
            ),
            (self.rank_constant < 1 or self.rank_depth < 1, "a rank cannot be counted below 1: give larger numbers"),
            (not self.fields or not self.text_fields, "there is no field to ask: name at least one"),
            (server and two, "the cluster's hybrid query knows no second phase: choose another fusion or one phase"),
            (
                self.fusion is Fusion.RRF and self.total is not Total.NONE,
                "two rankings that are merged have no common total: choose another fusion or no total",
            ),
        )

    def two_phases(self, size: int, passages: bool) -> bool:
        """Say whether a query for so many hits has two phases, in an index with passages or without.

        Who asks for a long list wants what light terms find as well, and of passages each phase has a best one.
        """
        if self.phases in (Phases.AUTO, Phases.SEISMIC):
            return size <= LONGEST_OF_TWO_PHASES and not passages and self.fusion is not Fusion.SERVER
        return self.phases is Phases.TWO

    def window(self, size: int) -> int:
        """Return how many hits of a shard the second phase scores again."""
        return max(1, min(LARGEST_WINDOW, math.ceil(self.expansion * size)))


@dataclass(frozen=True)
class Plan:
    """What is sent of a query vector."""

    vector: SparseVector
    dropped: int
    """Terms left out."""
    share: float
    """Mass of what is kept, as a share of the whole vector's."""


def plan(vector: SparseVector, options: PlanOptions, reserved: int = 0, limit: int = USUAL_LIMIT) -> Plan:
    """Keep the heaviest terms within the budget, at least one.

    `limit` clauses are all that the cluster takes in a query, and `reserved` of them are needed for something else:
    they take from the terms only what there is no room for beside them. Each field costs a clause a term.

    Raises:
        EncoderError: a term key has a dot, which no query would find.
    """
    usable = SparseVector(acceptable_weights(vector))
    if not usable:
        return Plan(usable, len(vector), 1.0)
    weights = [weight for _, weight in usable]
    masses = list(accumulate(weights))
    budget = max(1, min(options.max_clauses, limit - reserved) // len(options.fields))
    count = min(len(usable), budget, _enough(masses, options.share), _above(weights, options.ratio))
    return Plan(usable.heaviest(count), len(vector) - count, masses[count - 1] / masses[-1])


def heavy_and_light(vector: SparseVector, part: float) -> tuple[SparseVector, SparseVector]:
    """Part a vector in terms of at least `part` of the heaviest, one at least, and those that are lighter."""
    if not vector:
        return vector, SparseVector()
    count = _above([weight for _, weight in vector], part)
    return vector.heaviest(count), SparseVector(dict(list(vector)[count:]))


def _enough(masses: list[float], share: float) -> int:
    """Return how many terms hold `share` of the mass."""
    if share == 1:
        # Not by comparison: beside a heavy term the sum does not notice a light one.
        return len(masses)
    return next(count for count, mass in enumerate(masses, start=1) if mass >= share * masses[-1])


def _above(weights: list[float], ratio: float) -> int:
    """Return how many weights, the heaviest first, are at least `ratio` times the first."""
    return sum(weight >= ratio * weights[0] for weight in weights)
