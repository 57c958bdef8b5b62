"""A query vector and a budget come in, the vector that is sent goes out; pure.

Every term is one clause of the query, and a cluster limits the clauses of a query; the light tail of a long expansion
costs time and hardly moves a score.
"""

from dataclasses import dataclass
from itertools import accumulate

from csplade.integration.dialect import USUAL_LIMIT
from csplade.integration.documents import acceptable_weights
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector

DEFAULT_MAX_CLAUSES = USUAL_LIMIT // 2
"""Half of it, so that filters and the words of a hybrid query have room."""


@dataclass(frozen=True)
class PlanOptions:
    """How much of a query vector may be sent.

    Raises:
        UsageError: a number is out of its range.
    """

    max_clauses: int = DEFAULT_MAX_CLAUSES
    share: float = 1.0
    """Share of the vector's mass that is enough; 1 keeps every term that the clauses allow."""

    def __post_init__(self) -> None:
        if self.max_clauses < 1:
            raise UsageError(f"{self.max_clauses} clauses are no query: allow at least 1")
        if not 0 < self.share <= 1:
            raise UsageError(f"{self.share} is no share of a query's mass: give more than 0 and at most 1")


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
    they take from the terms only what there is no room for beside them.

    Raises:
        EncoderError: a term key has a dot, which no query would find.
    """
    usable = SparseVector(acceptable_weights(vector))
    if not usable:
        return Plan(usable, len(vector), 1.0)
    masses = list(accumulate(weight for _, weight in usable))
    budget = max(1, min(options.max_clauses, limit - reserved))
    count = min(len(usable), budget, _enough(masses, options.share))
    return Plan(usable.heaviest(count), len(vector) - count, masses[count - 1] / masses[-1])


def _enough(masses: list[float], share: float) -> int:
    """Return how many terms hold `share` of the mass."""
    if share == 1:
        # Not by comparison: beside a heavy term the sum does not notice a light one.
        return len(masses)
    return next(count for count, mass in enumerate(masses, start=1) if mass >= share * masses[-1])
