"""Rankings of one question merged by the reciprocals of ranks (RRF); pure.

A document's score is the sum over rankings of weight / (constant + rank), ranks counted from 1 (Cormack, Clarke and
Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009).
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fused:
    """A document in the merged ranking."""

    id: str
    score: float
    parts: tuple[tuple[int, int, float], ...]
    """Which ranking holds it, at which rank, and what that adds to the score; best part first."""


def fuse(rankings: Sequence[Sequence[str]], weights: Sequence[float], constant: int) -> list[Fused]:
    """Merge rankings of ids, the best first; of equal scores the smaller id comes first."""
    parts: dict[str, list[tuple[int, int, float]]] = {}
    for number, (ranking, weight) in enumerate(zip(rankings, weights, strict=True)):
        for rank, identity in enumerate(ranking, start=1):
            parts.setdefault(identity, []).append((number, rank, weight / (constant + rank)))
    fused = [Fused(identity, sum(value for *_, value in each), _best_first(each)) for identity, each in parts.items()]
    return sorted(fused, key=lambda one: (-one.score, one.id))


def _best_first(parts: list[tuple[int, int, float]]) -> tuple[tuple[int, int, float], ...]:
    return tuple(sorted(parts, key=lambda part: (-part[2], part[0])))
