"""The literal path: a text's own words in BM25's shape, each occurrence counted by a gate that the model gives.

For a word w with gates g_i of its occurrences, tf = sum_i g_i (Robertson and Zaragoza 2009, their BM25, split between
document and query as sqrt(idf) each):

    document weight  sqrt(idf(w)) * (k1 + 1) tf / (tf + k1 (1 - b + b * words / average_words))
    query weight     sqrt(idf(w)) * tf

With all gates at 1 the dot product is BM25 with idf from broad text and a fixed average length.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt

import numpy as np
from csplade.pipelines.contract import Literal
from csplade.pipelines.words import Word
from numpy.typing import NDArray

Floats = NDArray[np.float32]

K1, B = 1.2, 0.75
"""BM25's usual constants, with which a literal path starts as BM25."""


def gates_of_words(ends: NDArray[np.int64], token_ends: NDArray[np.int64], gates: Floats) -> Floats:
    """Return the gate of each word, that of its last token; shapes (words,), (tokens,), (tokens,) -> (words,).

    Words behind the last token, where a long text was cut for the model, count like the text's average word.
    """
    if not len(gates):
        return np.ones(len(ends), dtype=np.float32)
    position: NDArray[np.int64] = np.searchsorted(token_ends, ends)
    inside = position < len(token_ends)
    found = gates[np.minimum(position, len(gates) - 1)].astype(np.float32)
    average = found[inside].mean() if inside.any() else np.float32(1.0)
    return np.where(inside, found, average).astype(np.float32)


def last_tokens(words: Sequence[Word], token_ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position of each word's last token: (words,), (tokens,) -> (words,).

    It is the number of tokens for words behind the last one.
    """
    ends = np.fromiter((word.end for word in words), dtype=np.int64, count=len(words))
    found: NDArray[np.int64] = np.searchsorted(token_ends, ends)
    return found


def frequencies(keys: Iterable[str], gates: Floats) -> dict[str, float]:
    """Return each word's gated frequency by key."""
    counted: dict[str, float] = {}
    for key, gate in zip(keys, gates.tolist(), strict=True):
        counted[key] = counted.get(key, 0.0) + gate
    return counted


def document_weights(
    counted: Mapping[str, float], length: int, idf: Mapping[str, float], literal: Literal
) -> dict[str, float]:
    """Return the weights of a document of `length` words."""
    norm = literal.k1 * (1 - literal.b + literal.b * length / literal.average_words)
    gain = literal.k1 + 1
    return {key: sqrt(idf.get(key, literal.default_idf)) * gain * tf / (tf + norm) for key, tf in counted.items()}


def query_weights(counted: Mapping[str, float], idf: Mapping[str, float], literal: Literal) -> dict[str, float]:
    """Return the weights of a query."""
    return {key: sqrt(idf.get(key, literal.default_idf)) * tf for key, tf in counted.items()}
