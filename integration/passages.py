"""Texts that are longer than an encoder reads: cut, or encoded in windows, which are merged or kept as passages; pure.

A window is estimated to fit into the encoder's tokens, since only the encoder has a tokenizer; of one that does not,
the end is cut off, as it is of a text. Windows overlap, so that what stands at a border is read in its context once.
"""

import enum
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from csplade.integration.encoder import Encoder
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.sparse import SparseVector

# Of a word; a token of English has more bytes, one of a rare script fewer.
_BYTES_PER_TOKEN = 3
_LEAST_TOKENS = 2
"""Of a word with the space before it, so that short ones are not underestimated."""
_OVERLAP = 8
"""An eighth of a window is read again in the next one."""
_WORD = re.compile(r"\S+")


class Long(enum.StrEnum):
    """What becomes of a text that is longer than the encoder reads."""

    CUT = "cut"
    """Its beginning is encoded."""
    MAX = "max"
    """All of it, in windows; of each term the largest weight counts."""
    PASSAGES = "passages"
    """All of it, in windows; the best one is the document's score, and can be shown."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text, from character `begin` to before `end`, and its vector."""

    begin: int
    end: int
    vector: SparseVector


Encoded = SparseVector | tuple[Passage, ...]
"""What a text becomes: one vector, or passages."""


def encode_long(encoder: Encoder, texts: Iterable[str], long: Long) -> Iterator[Encoded]:
    """Encode documents, lazily and in order; a text without any word gives nothing that has a term.

    Raises:
        EncoderError: the encoder gave fewer vectors than texts.
    """
    if long is Long.CUT:
        yield from encoder.documents(texts)
        return
    waiting: deque[tuple[tuple[int, int], ...]] = deque()
    tokens = encoder.contract.document.max_tokens

    def parts() -> Iterator[str]:
        for text in texts:
            waiting.append(windows(text, tokens))
            yield from (text[begin:end] for begin, end in waiting[-1])

    vectors = iter(encoder.documents(parts()))
    for first in vectors:
        spans = waiting.popleft()
        found = [first, *islice(vectors, len(spans) - 1)]
        if len(found) < len(spans):
            raise EncoderError("the encoder gave no vector for a part of a text: check the encoder folder")
        yield _encoded(spans, found, long)


def windows(text: str, tokens: int) -> tuple[tuple[int, int], ...]:
    """Return where windows of about so many tokens begin and end, at least one; each begins and ends with a word."""
    words = [span for found in _WORD.finditer(text) for span in _pieces(text, *found.span(), tokens)]
    spans: list[tuple[int, int]] = []
    first = 0
    while first < len(words):
        past = _past(text, words, first, tokens)
        spans.append((words[first][0], words[past - 1][1]))
        if past == len(words):
            break
        first = max(first + 1, past - (past - first) // _OVERLAP)
    return tuple(spans) or ((0, len(text)),)


def merged(vectors: Iterable[SparseVector]) -> SparseVector:
    """Return the vector that has of each term the largest weight."""
    return SparseVector.from_pairs(chain.from_iterable(vectors))


def _encoded(spans: tuple[tuple[int, int], ...], vectors: list[SparseVector], long: Long) -> Encoded:
    if long is Long.MAX:
        return merged(vectors)
    return tuple(Passage(*span, vector) for span, vector in zip(spans, vectors, strict=True) if vector)


def _past(text: str, words: list[tuple[int, int]], first: int, tokens: int) -> int:
    """Return the number of the word behind those that fit, at least one."""
    left = tokens - _tokens(text, words[first])
    past = first + 1
    while past < len(words) and (left := left - _tokens(text, words[past])) >= 0:
        past += 1
    return past


def _tokens(text: str, span: tuple[int, int]) -> int:
    size = len(text[span[0] : span[1]].encode(errors="surrogatepass"))
    return max(_LEAST_TOKENS, -(-size // _BYTES_PER_TOKEN))


def _pieces(text: str, begin: int, end: int, tokens: int) -> Iterator[tuple[int, int]]:
    """Give a word as it is, and what is longer than a window, such as a text in Chinese, in pieces of half a one."""
    if _tokens(text, (begin, end)) <= tokens:
        yield begin, end
        return
    most = max(1, tokens // 2)
    for place in range(begin, end, most):
        yield place, min(place + most, end)
