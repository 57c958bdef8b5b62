"""The pairs with their cached states, as the training steps read them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import torch
from csplade.models.recipe.states import SHARD
from csplade.pipelines.literal import last_tokens
from csplade.pipelines.words import Word, split_words
from tokenizers import Tokenizer
from torch import Tensor


@dataclass(frozen=True)
class Text:
    """One text: its tokens, the two states of each, its words as far as the tokens reach."""

    ids: np.ndarray
    lower: np.ndarray
    """(tokens, width), float16: behind the lower layers."""
    last: np.ndarray
    """(tokens, width), float16: the whole model's last state."""
    words: tuple[Word, ...]
    word_tokens: np.ndarray
    """(words,): position of each word's last token."""


@dataclass(frozen=True)
class Pair:
    """A query and a document that answers it."""

    source: str
    query: Text
    document: Text
    query_text: str
    document_text: str


def read_pairs(work: Path) -> list[Pair]:
    """Return the pairs whose states are there."""
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    raw = [orjson.loads(line) for line in (work / "pairs.jsonl").read_bytes().splitlines()]
    pairs: list[Pair] = []
    for path in sorted((work / "states").glob("[0-9][0-9][0-9].npz")):
        shard = raw[int(path.stem) * SHARD : (int(path.stem) + 1) * SHARD]
        texts = [pair["query"] for pair in shard] + [pair["positive"] for pair in shard]
        read = _read_texts(path, texts, tokenizer)
        for position, pair in enumerate(shard):
            query, document = read[position], read[position + len(shard)]
            pairs.append(Pair(pair["source"], query, document, pair["query"], pair["positive"]))
    return pairs


def padded(states: list[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Return states padded on the right and their mask: (texts, length, width), (texts, length)."""
    longest = max(map(len, states))
    filled = torch.zeros(len(states), longest, states[0].shape[1])
    mask = torch.zeros(len(states), longest, dtype=torch.int64)
    for row, state in enumerate(states):
        filled[row, : len(state)] = torch.from_numpy(state.astype(np.float32))
        mask[row, : len(state)] = 1
    return filled, mask


def _read_texts(path: Path, texts: list[str], tokenizer: Tokenizer) -> list[Text]:
    with np.load(path) as shard:
        ids, lower, last = shard["ids"], shard["lower"], shard["last"]
        ends = np.cumsum(shard["lengths"])
    read = []
    for text, encoding, begin, end in zip(texts, tokenizer.encode_batch(texts), [0, *ends], ends, strict=False):
        token_ends = np.array([stop for _, stop in encoding.offsets[: end - begin]])
        words = [word for word in split_words(text, "english") if word.end <= token_ends[-1]]
        tokens = last_tokens(words, token_ends)
        read.append(Text(ids[begin:end], lower[begin:end], last[begin:end], tuple(words), tokens))
    return read
