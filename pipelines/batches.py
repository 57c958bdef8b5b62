"""Examples become a step's batch: token ids, and where the words stand that the literal path counts; needs torch.

Every device collates the whole batch and encodes its own part, so that all number the words beyond the model's terms
alike.
"""

import random
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields

import numpy as np
import torch
from csplade.pipelines.encode import LONGEST_TOKEN, cutting_tokenizer
from csplade.pipelines.errors import UsageError
from csplade.pipelines.literal import last_tokens
from csplade.pipelines.training_data import Example
from csplade.pipelines.training_options import ReadingOptions, TermSpace
from csplade.pipelines.words import Word, split_words
from tokenizers import Encoding, Tokenizer
from torch import Tensor

NO_TERM = -1
"""Padding of `word_terms`."""
BEHIND = -1
"""Token of a word behind the last token, where a long text was cut."""


@dataclass(frozen=True)
class TextBatch:
    """Texts of one side, padded on the right; the word fields have no columns in the term space `pieces`."""

    ids: Tensor
    """(texts, length) int64."""
    mask: Tensor
    """(texts, length) int64: 1 for tokens, 0 for padding."""
    own: Tensor
    """(texts, length) int64: 1 for tokens of the text itself, 0 for BOS, prefix and padding."""
    word_terms: Tensor
    """(texts, words) int64: term of each word; words beyond the model's terms are numbered behind those."""
    word_tokens: Tensor
    """(texts, words) int64: position of each word's last token."""
    roots: Tensor
    """(texts, words) float: sqrt(idf) of each word, 0 for padding."""
    lengths: Tensor
    """(texts,) int64: words of each text."""

    def to(self, device: torch.device | str) -> "TextBatch":
        """Return the batch on a device."""
        return TextBatch(*(getattr(self, field.name).to(device) for field in fields(self)))

    def part(self, begin: int, end: int) -> "TextBatch":
        """Return the texts of these positions."""
        return TextBatch(*(getattr(self, field.name)[begin:end] for field in fields(self)))


@dataclass(frozen=True)
class Batch:
    """What a step sees."""

    queries: TextBatch
    documents: TextBatch
    """Each query's positive, followed by its hard negatives."""
    query_texts: tuple[str, ...]
    document_texts: tuple[str, ...]
    scores: Tensor | None
    """(queries, 1 + negatives): the scores of each query's own documents, if the data has them for all."""
    extra: int
    """Words of the batch beyond the model's terms."""
    positives: tuple[Set[str], ...]
    """Of each query: all positives that the training data has for it, whether they stand in the batch or not."""

    @property
    def group(self) -> int:
        """Return how many documents each query has: 1 + negatives."""
        return len(self.document_texts) // len(self.query_texts)

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on a device."""
        scores = None if self.scores is None else self.scores.to(device)
        return Batch(
            self.queries.to(device),
            self.documents.to(device),
            self.query_texts,
            self.document_texts,
            scores,
            self.extra,
            self.positives,
        )

    def part(self, rank: int, world: int) -> "Batch":
        """Return the part that device `rank` of `world` encodes.

        Raises:
            UsageError: the queries cannot be dealt out evenly.
        """
        count = len(self.query_texts)
        if count % world:
            raise UsageError(
                f"{count} queries cannot be dealt out evenly to {world} devices: set batch.queries to a multiple of "
                f"{world}"
            )
        share = count // world
        return self._slice(rank * share, (rank + 1) * share)

    def chunks(self, queries: int) -> list["Batch"]:
        """Return parts of so many queries with their documents, the last one smaller if need be; 0 for one part."""
        size = queries or len(self.query_texts)
        return [self._slice(begin, begin + size) for begin in range(0, len(self.query_texts), size)]

    def targets(self) -> Tensor:
        """Return the position of each query's positive among the documents: (queries,) int64."""
        return torch.arange(len(self.query_texts), device=self.queries.ids.device) * self.group

    def false_negatives(self) -> Tensor:
        """Return which documents are no negatives of a query though they are not its own positive.

        These are the positives that the data has for an equal query, wherever their text stands in the batch:
        (queries, documents) bool.
        """
        numbers = {text: number for number, text in enumerate(dict.fromkeys(self.document_texts))}
        numbered = np.array([numbers[text] for text in self.document_texts])  # (documents,)
        rows = [[numbers[text] for text in known if text in numbers] for known in self.positives]
        found = torch.from_numpy(np.stack([np.isin(numbered, row) for row in rows]))
        found[torch.arange(len(found)), torch.arange(len(found)) * self.group] = False
        return found.to(self.queries.ids.device)

    def _slice(self, begin: int, end: int) -> "Batch":
        first, last = begin * self.group, end * self.group
        return Batch(
            self.queries.part(begin, end),
            self.documents.part(first, last),
            self.query_texts[begin:end],
            self.document_texts[first:last],
            None if self.scores is None else self.scores[begin:end],
            self.extra,
            self.positives[begin:end],
        )


class Collator:
    """Makes batches; the same examples and seed give the same batch."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        reading: ReadingOptions,
        terms: Sequence[str],
        idf: Mapping[str, float],
        default_idf: float,
        positives: Mapping[str, Set[str]] | None = None,
    ) -> None:
        """Take the model's terms in their order; idf, by term key, matters in the term space `words` only.

        `positives` are `positives_of` all examples; without them only those of a batch are known to it.
        """
        self._positives = positives or {}
        self._reading = reading
        self._terms = {term: number for number, term in enumerate(terms)}
        self._idf, self._default_idf = idf, default_idf
        limits = (reading.query_tokens, reading.document_tokens)
        self._tokenizers = {limit: cutting_tokenizer(tokenizer.to_str(), limit) for limit in limits}

    def __call__(self, examples: Sequence[Example], negatives: int, seed: int) -> Batch:
        """Collate examples with `negatives` hard negatives each; where there are more, the seed draws them."""
        chosen = _choose(examples, negatives, random.Random(seed))
        query_texts = [example.query for example in examples]
        document_texts = [
            example.documents[place] for example, row in zip(examples, chosen, strict=True) for place in row
        ]
        here = positives_of(examples)
        extra: dict[str, int] = {}
        return Batch(
            self.queries(query_texts, extra),
            self.documents(document_texts, extra),
            tuple(query_texts),
            tuple(document_texts),
            _scores(examples, chosen),
            len(extra),
            tuple(here[query] | self._positives.get(query, frozenset()) for query in query_texts),
        )

    def queries(self, texts: Sequence[str], extra: dict[str, int]) -> TextBatch:
        """Read queries; words beyond the model's terms get their number from `extra`, which grows."""
        return self._read(texts, self._reading.query_prefix, self._reading.query_tokens, extra)

    def documents(self, texts: Sequence[str], extra: dict[str, int]) -> TextBatch:
        """Read documents, as `queries` does."""
        return self._read(texts, self._reading.document_prefix, self._reading.document_tokens, extra)

    def _read(self, texts: Sequence[str], prefix: str, limit: int, extra: dict[str, int]) -> TextBatch:
        reach = limit * LONGEST_TOKEN
        encodings = self._tokenizers[limit].encode_batch([prefix + text[:reach] for text in texts])
        in_words = self._reading.term_space is TermSpace.WORDS
        words = [split_words(text, self._reading.analysis) if in_words else [] for text in texts]
        return TextBatch(
            _padded([encoding.ids for encoding in encodings], 0),
            _padded([[1] * len(encoding) for encoding in encodings], 0),
            _padded([_own(encoding, len(prefix)) for encoding in encodings], 0),
            _padded([[self._term(word.key, extra) for word in row] for row in words], NO_TERM),
            _padded([_tokens(row, each, len(prefix)) for row, each in zip(words, encodings, strict=True)], BEHIND),
            _padded([[self._idf.get(word.key, self._default_idf) for word in row] for row in words], 0.0).sqrt(),
            torch.tensor([len(row) for row in words]),
        )

    def _term(self, key: str, extra: dict[str, int]) -> int:
        known = self._terms.get(key)
        return len(self._terms) + extra.setdefault(key, len(extra)) if known is None else known


def positives_of(examples: Sequence[Example]) -> dict[str, set[str]]:
    """Return the positives of each query, by its text."""
    found: dict[str, set[str]] = {}
    for example in examples:
        found.setdefault(example.query, set()).add(example.documents[0])
    return found


def check_negatives(examples: Sequence[Example], negatives: int) -> None:
    """Refuse examples with fewer hard negatives than a batch takes.

    Raises:
        UsageError: an example has fewer; the message names its source and line.
    """
    for example in examples:
        found = len(example.documents) - 1
        if found < negatives:
            raise UsageError(
                f"line {example.line} of {example.source} has {found} hard negatives and batch.negatives asks for "
                f"{negatives}: find more with csplade mine, or set batch.negatives to {found}"
            )


def _choose(examples: Sequence[Example], negatives: int, chance: random.Random) -> list[list[int]]:
    """Return the places of each example's documents: the positive's, then the negatives'."""
    return [[0, *sorted(chance.sample(range(1, len(example.documents)), negatives))] for example in examples]


def _scores(examples: Sequence[Example], chosen: Sequence[Sequence[int]]) -> Tensor | None:
    rows = [
        [example.scores[place] for place in row]
        for example, row in zip(examples, chosen, strict=True)
        if example.scores is not None
    ]
    return torch.tensor(rows, dtype=torch.float32) if len(rows) == len(examples) else None


def _own(encoding: Encoding, prefix: int) -> list[int]:
    special = encoding.special_tokens_mask
    return [int(not mark and end > prefix) for mark, (_, end) in zip(special, encoding.offsets, strict=True)]


def _tokens(words: Sequence[Word], encoding: Encoding, prefix: int) -> list[int]:
    """Return the position of each word's last token."""
    ends = np.array([end for _, end in encoding.offsets], dtype=np.int64) - prefix
    found = last_tokens(words, ends).tolist()
    return [BEHIND if position == len(ends) else position for position in found]


def _padded(rows: Sequence[Sequence[int] | Sequence[float]], filling: int | float) -> Tensor:
    longest = max(map(len, rows), default=0)
    return torch.tensor([[*row, *[filling] * (longest - len(row))] for row in rows]).reshape(len(rows), longest)
