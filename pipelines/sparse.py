"""The one value that travels between the model side and the cluster side: term key -> weight."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Positive weights by term key (see `vocab`), heaviest first; ties in key order, so equal vectors print alike."""

    weights: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, float]]) -> "SparseVector":
        """Order the pairs, drop what is not positive; a term given twice keeps its larger weight."""
        largest: dict[str, float] = {}
        for term, weight in pairs:
            if weight > largest.get(term, 0.0):
                largest[term] = float(weight)
        return cls(dict(sorted(largest.items(), key=lambda item: (-item[1], item[0]))))

    def __len__(self) -> int:
        return len(self.weights)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        return iter(self.weights.items())

    def dot(self, other: "SparseVector") -> float:
        """Return the score of a document for a query: the sum over shared terms of weight times weight."""
        small, large = sorted((self.weights, other.weights), key=len)
        return sum(weight * large[term] for term, weight in small.items() if term in large)

    def heaviest(self, count: int) -> "SparseVector":
        """Keep the `count` heaviest terms."""
        return SparseVector(dict(list(self.weights.items())[:count]))
