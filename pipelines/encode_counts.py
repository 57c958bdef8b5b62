"""What an encoder has read, counted over all its threads."""

from dataclasses import dataclass
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

    def __add__(self, more: "Counts") -> "Counts":
        return Counts(
            self.texts + more.texts, self.cut + more.cut, self.passages + more.passages, self.tokens + more.tokens
        )

    def __sub__(self, less: "Counts") -> "Counts":
        return Counts(
            self.texts - less.texts, self.cut - less.cut, self.passages - less.passages, self.tokens - less.tokens
        )


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
