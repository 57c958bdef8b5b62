"""The vectors of queries that were asked for last: so many of them, and no more than fits into a fixed room."""

import threading
from collections import OrderedDict

from csplade.pipelines.sparse import SparseVector

# Roughly of Python's text, number and place in a dictionary: what a term takes, and what an entry takes besides.
_TERM_BYTES, _ENTRY_BYTES = 150, 500
_ROOM = 64 * 2**20
# 3,000 terms take more. One entry of that kind would drive out hundreds of ordinary ones.
_LARGEST = 2**19


class TextTooLong(Exception):
    """A text of a search is longer than searches may have encoded."""


class QueryMemory:
    """Keeps at most `most` vectors, in at most `room` bytes; several threads may ask."""

    def __init__(self, most: int, room: int = _ROOM, largest: int = _LARGEST) -> None:
        self._most, self._room, self._largest = most, room, largest
        self._vectors: OrderedDict[str, SparseVector] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, text: str) -> SparseVector | None:
        """Return a text's vector; None: it is not remembered."""
        with self._lock:
            vector = self._vectors.get(text)
            if vector is not None:
                self._vectors.move_to_end(text)
            return vector

    def keep(self, text: str, vector: SparseVector) -> None:
        """Remember a vector, and forget those that were asked for longest ago where there is no room for it."""
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


def _size(text: str, vector: SparseVector) -> int:
    # A character may take four bytes.
    return _ENTRY_BYTES + 4 * len(text) + sum(_TERM_BYTES + 4 * len(term) for term, _ in vector)
