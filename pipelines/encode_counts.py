"""What an encoder has read, counted over all its threads."""

from dataclasses import astuple, dataclass
from operator import add, sub
from threading import Lock


@dataclass(frozen=True)
class Counts:
    """What an encoder has read since it was opened."""

    texts: int = 0
    cut: int = 0
    """Texts of which the model does not see the end, as they are longer than the contract allows."""
    passages: int = 0
    """More than the texts where long ones are read in several, fewer where texts hold no word."""
    tokens: int = 0
    """Of all passages, without padding."""
    cut_queries: int = 0
    """Those of `cut` that are queries."""

    def __add__(self, more: "Counts") -> "Counts":
        return Counts(*map(add, astuple(self), astuple(more)))

    def __sub__(self, less: "Counts") -> "Counts":
        return Counts(*map(sub, astuple(self), astuple(less)))


class Counter:
    """Adds counts."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sum = Counts()

    def add(self, more: Counts) -> None:
        """Add what a window held."""
        with self._lock:
            self._sum += more

    @property
    def sum(self) -> Counts:
        """Return all that was added."""
        with self._lock:
            return self._sum
