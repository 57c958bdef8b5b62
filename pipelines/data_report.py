"""What training data holds: examples of each kind, repeats, lengths, and every line that cannot be used."""

from array import array
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from csplade.pipelines.errors import SourceError
from csplade.pipelines.training_data import Example, ExampleFile, Flaw, JudgedFolder, find_data

KEPT_FLAWS = 20
"""Flaws of a file that are kept; all are counted."""


@dataclass(frozen=True)
class Lengths:
    """How long the texts of one side are, in words with white space between them."""

    median: int
    p95: int
    """At least 95% of the texts are not longer."""


@dataclass(frozen=True)
class SourceReport:
    """What one path holds, or all of them together."""

    name: str
    """As in `Example.source`."""
    pairs: int
    """Examples without hard negatives and scores."""
    triples: int
    """Examples with hard negatives and without scores."""
    scored: int
    """Examples with a teacher's scores."""
    repeated_queries: int
    """Examples whose query came before, in this path or in one before it."""
    repeated_pairs: int
    """Examples whose query came before with the same positive."""
    positive_as_negative: int
    """Examples with a negative that is their positive."""
    query_words: Lengths | None
    """None: there is no example."""
    document_words: Lengths | None
    """Of positives and negatives, each as often as it stands in an example."""
    broken: int
    """Lines that cannot be used, and whatever else is wrong with a file."""
    flaws: tuple[Flaw, ...]
    """The first `KEPT_FLAWS` of each file."""

    @property
    def examples(self) -> int:
        """Return the number of examples."""
        return self.pairs + self.triples + self.scored


@dataclass(frozen=True)
class DataReport:
    """What training data holds."""

    sources: tuple[SourceReport, ...]
    """One per path, in their order."""
    total: SourceReport
    """All paths together; of the flaws, those of all sources."""


def check_data(paths: Sequence[Path], split: str = "train") -> DataReport:
    """Read everything and describe it; a line that cannot be used stops nothing.

    Raises:
        SourceError: there is no such path, or a folder lacks one of its files.
    """
    queries, pairs, total = _Seen(), _Seen(), _Tally()
    sources = []
    for data in find_data(paths, split):
        tally = _Tally()
        before = queries.repeats, pairs.repeats
        for found in _watched(data):
            if isinstance(found, Example):
                queries.add(found.query)
                pairs.add((found.query, found.documents[0]))
            tally.add(found)
        sources.append(tally.report(data.name, queries.repeats - before[0], pairs.repeats - before[1]))
        total.include(tally)
    return DataReport(tuple(sources), total.report("all", queries.repeats, pairs.repeats))


def _watched(data: ExampleFile | JudgedFolder) -> Iterator[Example | Flaw]:
    """Give what the data holds; that it ends too early, or holds nothing at all, is a flaw like others."""
    empty = True
    try:
        for found in data.read():
            empty = False
            yield found
    except SourceError as error:
        yield Flaw(data.place, None, str(error))
        return
    if empty:
        yield Flaw(data.place, None, data.nothing)


class _Seen:
    """Counts what came before; 8 bytes each, so that millions fit into memory."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, item: Hashable) -> None:
        self._hashes.append(hash(item))

    @property
    def repeats(self) -> int:
        return len(self._hashes) - int(np.unique(np.frombuffer(self._hashes, dtype=np.int64)).size)


@dataclass
class _Tally:
    """Counts as it goes."""

    kinds: Counter[str] = field(default_factory=Counter)
    query_words: Counter[int] = field(default_factory=Counter)
    document_words: Counter[int] = field(default_factory=Counter)
    positive_as_negative: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    """By file."""
    flaws: list[Flaw] = field(default_factory=list)

    def add(self, found: Example | Flaw) -> None:
        if isinstance(found, Flaw):
            self.broken[found.file] += 1
            if self.broken[found.file] <= KEPT_FLAWS:
                self.flaws.append(found)
            return
        self.kinds[_kind(found)] += 1
        self.query_words[len(found.query.split())] += 1
        self.document_words.update(len(text.split()) for text in found.documents)
        self.positive_as_negative += found.documents[0] in found.documents[1:]

    def include(self, other: "_Tally") -> None:
        self.kinds += other.kinds
        self.query_words += other.query_words
        self.document_words += other.document_words
        self.positive_as_negative += other.positive_as_negative
        self.broken += other.broken
        self.flaws += other.flaws

    def report(self, name: str, repeated_queries: int, repeated_pairs: int) -> SourceReport:
        return SourceReport(
            name=name,
            pairs=self.kinds["pair"],
            triples=self.kinds["triple"],
            scored=self.kinds["scored"],
            repeated_queries=repeated_queries,
            repeated_pairs=repeated_pairs,
            positive_as_negative=self.positive_as_negative,
            query_words=_lengths(self.query_words),
            document_words=_lengths(self.document_words),
            broken=self.broken.total(),
            flaws=tuple(self.flaws),
        )


def _kind(example: Example) -> str:
    if example.scores is not None:
        return "scored"
    return "triple" if len(example.documents) > 1 else "pair"


def _lengths(counted: Counter[int]) -> Lengths | None:
    return Lengths(_quantile(counted, 0.5), _quantile(counted, 0.95)) if counted else None


def _quantile(counted: Counter[int], share: float) -> int:
    """Return the smallest length that at least this share of the texts does not exceed."""
    lengths = sorted(counted)
    reached = np.cumsum([counted[length] for length in lengths])
    return lengths[int(np.searchsorted(reached, share * reached[-1]))]
