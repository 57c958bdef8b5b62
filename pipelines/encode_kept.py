"""The vectors of the queries that were asked for last, shared between threads."""

from collections import OrderedDict
from threading import Lock

from csplade.pipelines.sparse import SparseVector


class KeptVectors:
    """At most `most` vectors by text; the one that was not asked for the longest goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._vectors: OrderedDict[str, SparseVector] = OrderedDict()

    def get(self, text: str) -> SparseVector | None:
        """Return the vector of a text, None if it is not there."""
        with self._lock:
            vector = self._vectors.get(text)
            if vector is not None:
                self._vectors.move_to_end(text)
            return vector

    def keep(self, text: str, vector: SparseVector) -> None:
        """Take a vector in."""
        with self._lock:
            self._vectors[text] = vector
            self._vectors.move_to_end(text)
            while len(self._vectors) > self._most:
                self._vectors.popitem(last=False)

    def __len__(self) -> int:
        return len(self._vectors)
