"""Records of any kind with the vectors of their texts, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from csplade.pipelines.errors import EncoderError
from csplade.pipelines.sparse import SparseVector

_Record = TypeVar("_Record")


def with_vectors(
    records: Iterable[_Record],
    text_of: Callable[[_Record], str | None],
    encode: Callable[[Iterable[str]], Iterator[SparseVector]],
) -> Iterator[tuple[_Record, SparseVector | None]]:
    """Pair records with their vectors; None for those without a text. As many wait as `encode` reads ahead.

    Raises:
        EncoderError: `encode` gives fewer vectors than texts.
    """
    waiting: deque[tuple[_Record, bool]] = deque()

    def texts() -> Iterator[str]:
        for record in records:
            text = text_of(record)
            waiting.append((record, text is not None))
            if text is not None:
                yield text

    def without_text() -> Iterator[tuple[_Record, None]]:
        while waiting and not waiting[0][1]:
            yield waiting.popleft()[0], None

    for vector in encode(texts()):
        yield from without_text()
        yield waiting.popleft()[0], vector
    yield from without_text()
    if waiting:
        missing = sum(has_text for _, has_text in waiting)
        raise EncoderError(f"the encoder gave no vector for {missing} texts: check the encoder folder")
