"""How deeply JSON is nested, found in pieces as they arrive, without parsing it; pure.

It looks at brackets outside strings only. A line break ends a string in any case: JSON has none inside one, so that a
broken line of several (as in `_bulk`) cannot hide what the next one holds. Clusters also take comments, in which a
quote means nothing: from the first one on every bracket that opens counts, and none that closes.
"""

import numpy as np
from numpy.typing import NDArray

_KEPT = b'[]{}"\n/'
_OTHERS = bytes(set(range(256)) - set(_KEPT))
_STEPS = np.zeros(256, dtype=np.int64)
_STEPS[[*b"[{"]], _STEPS[[*b"]}"]] = 1, -1
_QUOTE, _BREAK, _SLASH = b'"\n/'


class Depth:
    """Follows the nesting of one body."""

    def __init__(self) -> None:
        self._inside = False
        self._escaping = False
        self._commented = False
        self._level = 0
        self._lowest = 0

    def feed(self, piece: bytes) -> int:
        """Return how deep the deepest place of this piece lies, counted from the outermost bracket that is open."""
        kept = np.frombuffer(self._without_escapes(piece).translate(None, _OTHERS), dtype=np.uint8)
        if not len(kept):
            return self._level - self._lowest
        levels = self._level + np.cumsum(self._steps(kept))
        # Closing brackets that nothing has opened must not hide later ones that are opened.
        lowest = np.minimum(np.minimum.accumulate(levels), self._lowest)
        deepest = int((levels - lowest).max())
        self._level, self._lowest = int(levels[-1]), int(lowest[-1])
        return deepest

    def _without_escapes(self, piece: bytes) -> bytes:
        """Leave out escaped quotes and backslashes; a backslash at the end may belong to the next piece."""
        if self._escaping:
            piece = b"\\" + piece
        piece = piece.replace(b"\\\\", b"")
        self._escaping = piece.endswith(b"\\")
        return piece.replace(b'\\"', b"")

    def _steps(self, kept: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return how each of the characters changes the level."""
        strings = self._strings(kept)
        steps: NDArray[np.int64] = _STEPS[kept] * ~strings
        # Outside strings a slash can only begin a comment.
        begun = (kept == _SLASH) & ~strings
        if self._commented or begun.any():
            commented = np.logical_or.accumulate(begun) | self._commented
            steps = np.where(commented, np.maximum(_STEPS[kept], 0), steps)
            self._commented = True
        return steps

    def _strings(self, kept: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which of the characters stand in strings."""
        quotes = np.cumsum(kept == _QUOTE) + int(self._inside)
        # Quotes so far at the last line break.
        before = np.maximum.accumulate(np.where(kept == _BREAK, quotes, 0))
        inside: NDArray[np.bool_] = ((quotes - before) % 2).astype(np.bool_)
        self._inside = bool(inside[-1])
        return inside


def openings(piece: bytes) -> int:
    """Return how many brackets are opened at most: no more levels can there be."""
    return piece.count(b"[") + piece.count(b"{")
