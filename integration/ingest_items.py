"""Documents and their vectors, put together in order while the encoder reads ahead."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from csplade.integration.documents import Document, Rejected
from csplade.integration.encoder import Encoder
from csplade.integration.passages import Encoded, Long, encode_long
from csplade.pipelines.errors import EncoderError


class Item(NamedTuple):
    """A record by its number in the source; the vector is None for what cannot be encoded."""

    number: int
    record: Document | Rejected
    vector: Encoded | None


def encoded_items(encoder: Encoder, records: Iterable[tuple[int, Document | Rejected]], long: Long) -> Iterator[Item]:
    """Pair documents with their vectors, in order; as many records wait as the encoder reads ahead.

    Raises:
        EncoderError: the encoder gave fewer vectors than it got texts.
    """
    waiting: deque[tuple[int, Document | Rejected]] = deque()

    def texts() -> Iterator[str]:
        for number, record in records:
            waiting.append((number, record))
            if isinstance(record, Document):
                yield record.text

    def rejected() -> Iterator[Item]:
        while waiting and isinstance(waiting[0][1], Rejected):
            yield Item(*waiting.popleft(), None)

    for vector in encode_long(encoder, texts(), long):
        yield from rejected()
        yield Item(*waiting.popleft(), vector)
    yield from rejected()
    if waiting:
        missing = sum(isinstance(record, Document) for _, record in waiting)
        raise EncoderError(f"the encoder gave no vector for {missing} texts: check the encoder folder")
