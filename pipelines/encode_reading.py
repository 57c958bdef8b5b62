"""A text into what the graph and the literal path read of it: passages of tokens, and words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
from csplade.pipelines.contract import Contract, Side
from csplade.pipelines.encode_options import LongTexts
from csplade.pipelines.errors import EncoderError, UsageError
from csplade.pipelines.folder import TOKENIZER_FILE
from csplade.pipelines.words import Words, find_words
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

LONGEST_TOKEN = 64
"""Characters; the few longer pieces of a vocabulary are runs of spaces and the like."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Tokens that the model reads at once."""

    ids: list[int]
    places: NDArray[np.int64] | None
    """(tokens,): where they stand among the tokens of the text; None: they are all of them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One text as the encoder reads it."""

    words: Words | None
    """None without a literal path."""
    passages: list[Passage]
    """None at all of a text that the tokenizer drops."""
    token_ends: NDArray[np.int64]
    """(tokens,): the position in the text behind each token; empty without a literal path."""
    cut: bool
    """Whether the model does not see all of it."""


class Reader:
    """Reads the texts of one side; safe to share between threads."""

    def __init__(
        self, tokenizer: str, contract: Contract, side: Side, long_texts: LongTexts | None, where: str
    ) -> None:
        """Take what an encoder reads with; `where` names it in errors."""
        self._prefix, self._room = side.prefix, side.max_tokens
        self._literal, self._vocabulary, self._where = contract.literal, contract.vocabulary_size, where
        self._stride = long_texts.stride if long_texts else side.max_tokens
        limit = side.max_tokens + self._stride * (long_texts.most - 1 if long_texts else 0)
        self._described, self._limit = tokenizer, limit
        # A tokenizer reads the whole of a text before it cuts it: a book would cost minutes for its first page.
        self._reach = limit * LONGEST_TOKEN
        if long_texts is not None:
            self._check(long_texts)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        """Made when it is needed: that takes a while, and who asks queries reads no document."""
        tokenizer = self._made()
        largest = max(tokenizer.get_vocab().values(), default=-1)
        if largest >= self._vocabulary:
            raise EncoderError(
                f"{TOKENIZER_FILE} of {self._where} gives ids to {largest}, and its contract has a vocabulary of "
                f"{self._vocabulary}: it is another model's; copy or export the encoder again, and see whether its "
                "vectors are right with  csplade inspect --check"
            )
        return tokenizer

    def _made(self) -> Tokenizer:
        try:
            return cutting_tokenizer(self._described, self._limit)
        # The tokenizers' own exceptions have no common base but this.
        except Exception as error:
            raise EncoderError(
                f"{TOKENIZER_FILE} of {self._where} cannot be read ({error}): copy or export the encoder again"
            ) from error

    def prepare(self) -> None:
        """Make the tokenizer now.

        Raises:
            EncoderError: it cannot be read, or gives ids that are not in the contract's vocabulary.
        """
        assert self._tokenizer

    def read(self, texts: Sequence[str]) -> list[Reading | None]:
        """Read texts; None for what holds no word: expansions of punctuation or of function words are noise."""
        words = [self._words(text) for text in texts]
        filled = [
            place
            for place, text in enumerate(texts)
            if text.strip() and ((own := words[place]) is None or len(own.keys) > 0)
        ]
        prefixed = [self._prefix + texts[place][: self._reach] for place in filled]
        found: list[Reading | None] = [None] * len(texts)
        for place, encoding in zip(filled, self._tokenizer.encode_batch(prefixed), strict=True):
            cut = len(texts[place]) > self._reach or (len(encoding) >= self._room and bool(encoding.overflowing))
            found[place] = self._reading(words[place], encoding, cut)
        return found

    def words(self, texts: Sequence[str]) -> list[Words]:
        """Return the words of texts, none without a literal path."""
        return [self._words(text) or Words([], np.zeros(0, dtype=np.int64)) for text in texts]

    def pieces(self, texts: Sequence[str]) -> list[list[int] | None]:
        """Return the own pieces of texts, without those of prefix and frame; None for blank ones."""
        prefixed = [self._prefix + text[: self._reach] for text in texts]
        encodings = self._tokenizer.encode_batch(prefixed, add_special_tokens=False)
        return [
            _behind(encoding, len(self._prefix)) if text.strip() else None
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def _words(self, text: str) -> Words | None:
        return None if self._literal is None else find_words(text, self._literal.analysis)

    def _reading(self, words: Words | None, encoding: Encoding, cut: bool) -> Reading:
        ends = np.zeros(0, dtype=np.int64)
        if words is not None:
            ends = np.array([end for _, end in encoding.offsets], dtype=np.int64) - len(self._prefix)
        if len(encoding) <= self._room:
            passages = [Passage(encoding.ids, None)] if len(encoding) else []
        else:
            passages = list(self._passages(encoding))
        return Reading(words, passages, ends, cut)

    def _passages(self, encoding: Encoding) -> Iterator[Passage]:
        """Slide over the text's own tokens; each passage has the special tokens and the prefix around its own."""
        head, tail = self._frame(encoding)
        ids = np.array(encoding.ids, dtype=np.int64)
        body = np.arange(head, len(ids) - tail)
        room = self._room - head - tail
        for number in range(1 + ceil(max(0, len(body) - room) / self._stride)):
            own = body[number * self._stride :][:room]
            places = np.concatenate([np.arange(head), own, np.arange(len(ids) - tail, len(ids))])
            yield Passage(ids[places].tolist(), places)

    def _frame(self, encoding: Encoding) -> tuple[int, int]:
        """Return how many tokens come before and behind those of the text."""
        prefix = len(self._prefix)
        marks = zip(encoding.special_tokens_mask, encoding.offsets, strict=True)
        own = [place for place, (special, (_, end)) in enumerate(marks) if not special and end > prefix]
        return (own[0], len(encoding) - own[-1] - 1) if own else (len(encoding), 0)

    def _check(self, long_texts: LongTexts) -> None:
        most = self._room - len(self._tokenizer.encode(self._prefix))
        if not 0 < long_texts.stride <= most or long_texts.most < 1:
            raise UsageError(
                f"long texts cannot be read in {long_texts.most} passages with a stride of {long_texts.stride} tokens: "
                f"give at least 1 passage and 1 to {most} tokens, as a passage has room for {most} of the text"
            )


def _behind(encoding: Encoding, prefix: int) -> list[int]:
    """Return the tokens that end behind so many characters."""
    return [piece for piece, (_, end) in zip(encoding.ids, encoding.offsets, strict=True) if end > prefix]


def cutting_tokenizer(described: str, max_tokens: int) -> Tokenizer:
    """Return the tokenizer of a `tokenizer.json`, cutting texts to so many tokens."""
    tokenizer = Tokenizer.from_str(described)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer
