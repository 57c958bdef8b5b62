"""The vectors of the queries that were asked for last, shared between threads."""

from collections import OrderedDict
from math import inf
from threading import Lock

from csplade.pipelines.sparse import SparseVector

# Roughly of Python's text, number and place in a dictionary: what a term takes, and what an entry takes besides.
_TERM_BYTES, _ENTRY_BYTES = 150, 500
ROOM, LARGEST = 64 * 2**20, 2**19
"""Bytes of all that are usually kept, and of one: 3,000 terms take more, and so does a text of 131,000 characters."""


class KeptVectors:
    """At most `most` vectors by text, in at most `room` bytes; the one not asked for the longest goes first.

    None of more than `largest` bytes is kept: it would drive out many ordinary ones.
    """

    def __init__(self, most: int, room: float = inf, largest: float = inf) -> None:
        self._most, self._room, self._largest = most, room, largest
        self._lock = Lock()
        self._vectors: OrderedDict[str, SparseVector] = OrderedDict()
        self._size = 0

    def get(self, text: str) -> SparseVector | None:
        """Return the vector of a text, None if it is not there."""
        with self._lock:
            vector = self._vectors.get(text)
            if vector is not None:
                self._vectors.move_to_end(text)
            return vector

    def keep(self, text: str, vector: SparseVector) -> None:
        """Take a vector in."""
        size = _size(text, vector)
        if size > self._largest:
            return
        with self._lock:
            if text in self._vectors:
                self._size -= _size(text, self._vectors.pop(text))
            self._vectors[text] = vector
            self._size += size
            while len(self._vectors) > self._most or self._size > self._room:
                self._size -= _size(*self._vectors.popitem(last=False))

    def __len__(self) -> int:
        return len(self._vectors)


def _size(text: str, vector: SparseVector) -> int:
    # A character may take four bytes.
    return _ENTRY_BYTES + 4 * len(text) + sum(_TERM_BYTES + 4 * len(term) for term, _ in vector)
