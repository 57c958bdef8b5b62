"""Texts into sequences of one length for language modelling, and which of them a step reads."""

from array import array
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice

import numpy as np
from csplade.pipelines.errors import UsageError
from numpy.typing import NDArray
from tokenizers import Tokenizer

_TEXTS_AT_ONCE = 256


def pack(
    texts: Iterable[str],
    tokenizer: Tokenizer,
    separator: int,
    length: int,
    most: int | None = None,
    show: Callable[[int], None] | None = None,
) -> NDArray[np.int32]:
    """Return the tokens of the texts, `separator` behind each, in rows of `length`: (sequences, length).

    Texts are read until `most` rows are full, or if None to their end; only what does not fill a last row is lost.
    `show` is told, again and again, how many rows there are.

    Raises:
        UsageError: the texts do not fill one row.
    """
    plain = _plain(tokenizer)
    tokens = array("i")
    rest = iter(texts)
    while (most is None or len(tokens) < most * length) and (batch := list(islice(rest, _TEXTS_AT_ONCE))):
        for encoding in plain.encode_batch(batch, add_special_tokens=False):
            tokens.extend(encoding.ids)
            tokens.append(separator)
        if show is not None:
            show(_rows(tokens, length, most))
    rows = _rows(tokens, length, most)
    if not rows:
        raise UsageError(
            f"the texts are {len(tokens)} tokens, which do not fill one sequence of {length}: "
            "give more text or a smaller --length"
        )
    return np.frombuffer(tokens, dtype=np.int32)[: rows * length].reshape(rows, length)


def rows_of_step(rows: int, batch: int, step: int, seed: int) -> list[int]:
    """Return which of `rows` sequences a step reads; every epoch reads each once, in an order of its own."""
    places = range(step * batch, (step + 1) * batch)
    return [int(_order(rows, place // rows, seed)[place % rows]) for place in places]


@lru_cache(maxsize=2)
def _order(rows: int, epoch: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(rows)


def _rows(tokens: "array[int]", length: int, most: int | None) -> int:
    rows = len(tokens) // length
    return rows if most is None else min(rows, most)


def _plain(tokenizer: Tokenizer) -> Tokenizer:
    """Return a copy that reads every character of a text as text, however long it is."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_padding()
    copy.no_truncation()
    copy.encode_special_tokens = True
    return copy
