"""Texts in, sparse vectors out, with numpy, tokenizers and onnxruntime only.

Texts are taken in windows, sorted by length inside a window, run in batches of a token budget, and given back in their
own order, while a thread reads the next window. So memory is bounded by two windows however long the input is.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from csplade.pipelines.calibration import Calibration, calibration_of
from csplade.pipelines.contract import TABLE_QUERIES, Contract
from csplade.pipelines.encode_batches import batches, one_ahead, windows
from csplade.pipelines.encode_counts import Counter, Counts
from csplade.pipelines.encode_kept import LARGEST, KeptVectors
from csplade.pipelines.encode_lanes import Lanes, Pending
from csplade.pipelines.encode_options import DEFAULT, Device, EncodeOptions, LongTexts
from csplade.pipelines.encode_parts import read_parts
from csplade.pipelines.encode_reading import LONGEST_TOKEN, Reader, Reading, cutting_tokenizer
from csplade.pipelines.encode_vectors import PassageOutput, VectorMaker
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.folder import Tables
from csplade.pipelines.graph import Graph, LateGraph, Role, Runs
from csplade.pipelines.jsonl import kind
from csplade.pipelines.sparse import SparseVector

__all__ = [
    "LONGEST_TOKEN",
    "Counts",
    "Device",
    "EncodeOptions",
    "Encoder",
    "LongTexts",
    "batches",
    "cutting_tokenizer",
]

_WARM_UP = "a text that is long enough to be like others, of which none was read before this one"
_ALONE = 1
"""A budget of tokens that leaves each text alone."""


class Encoder:
    """An opened encoder folder; all of it is safe to share between threads."""

    def __init__(
        self,
        contract: Contract,
        tokenizer: str,
        graph: Runs,
        tables: Tables,
        options: EncodeOptions = DEFAULT,
        folder: Path | None = None,
    ) -> None:
        """Take an encoder's parts; `folder` is where they are from, for errors.

        Raises:
            UsageError: queries are to be weighed by a table that the encoder has not, or long texts cannot be read so.
        """
        self.contract, self._idf = contract, tables.idf
        if options.table_queries and not self.has_table:
            raise UsageError(
                f"{contract.name} has no table of idf that queries could be weighed by: let it encode them"
            )
        self._options, self._graph = options, graph
        self._by_table = options.table_queries or contract.query_path == TABLE_QUERIES
        self._lanes = Lanes(graph, options.lanes)
        where = contract.name if folder is None else str(folder)
        self._vectors = VectorMaker(contract, tables, where)
        self._readers = {
            Role.DOCUMENT: Reader(tokenizer, contract, contract.document, options.long_texts, where),
            Role.QUERY: Reader(tokenizer, contract, contract.query, None, where),
        }
        self._kept = KeptVectors(options.kept_queries, options.kept_bytes, LARGEST)
        self._counter = Counter()

    @classmethod
    def open(cls, folder: Path, options: EncodeOptions = DEFAULT) -> "Encoder":
        """Open an encoder folder whose files are what its contract says.

        Raises:
            EncoderError: the folder is incomplete, damaged or of another version, its files are of several encoders,
                the stemmer here gives other terms, or this processor would add its 8-bit products up wrongly.
            MissingExtraError: there is no onnxruntime.
            UsageError: the device asked for is not there, both runtimes are installed, or the options do not fit it.

        With `table_queries` what concerns the graph and the tokenizer is raised when a document is encoded.
        """
        encoder = cls(*read_parts(folder, options), options, folder)
        if not options.table_queries:
            # That of the side that is encoded first: queries, unless a table weighs them.
            encoder._readers[Role.DOCUMENT if encoder._by_table else Role.QUERY].prepare()
        return encoder

    @property
    def has_table(self) -> bool:
        """Return whether queries can be weighed without the model, see `EncodeOptions.table_queries`."""
        return self.contract.literal is not None or bool(self._idf)

    @property
    def runs_on(self) -> tuple[str, ...]:
        """Return the runtime's names of what the graph runs on, the preferred first."""
        return tuple(self._graph.providers) if isinstance(self._graph, Graph | LateGraph) else ()

    @property
    def counts(self) -> Counts:
        """Return what was read since the encoder was opened."""
        return self._counter.sum

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Encode documents, lazily and in order; a text without any word gives an empty vector.

        Raises:
            SourceError: one of them is no text.
        """
        return self._stream(texts, Role.DOCUMENT)

    def queries(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Encode queries, lazily and in order; a text without any word gives an empty vector.

        Raises:
            SourceError: one of them is no text.
        """
        return self._stream(texts, Role.QUERY)

    def query(self, text: str) -> SparseVector:
        """Encode one query, or give the vector that is kept of it.

        Raises:
            SourceError: it is no text.
        """
        vector = self._kept.get(text)
        if vector is None:
            (vector,) = self._finish(self._start(Role.QUERY, [_well_formed(text)]))
            self._kept.keep(text, vector)
        return vector

    def calibration(self, texts: Iterable[str]) -> Calibration:
        """Count the words of a collection's documents, for queries that fit it; lazily.

        Raises:
            UsageError: the encoder's terms are no words.
        """
        literal = self.contract.literal
        if literal is None:
            raise UsageError(f"the terms of {self.contract.name} are no words that could be counted: leave it out")
        return calibration_of(texts, self._idf, literal)

    def prepare(self) -> None:
        """Make now what would be made with the first text: before a fork, so that processes share it.

        Unlike `warm_up` it starts no thread, which a fork would lose.
        """
        for reader in self._readers.values():
            reader.prepare()

    def warm_up(self) -> None:
        """Run each side once, so that no text waits for what is done only once."""
        for role in Role:
            self._finish(self._start(role, [_WARM_UP]))

    def _stream(self, texts: Iterable[str], role: Role) -> Iterator[SparseVector]:
        options = self._options
        parts = windows(map(_well_formed, texts), options.window, options.window_characters)
        started: list[_Started] = []

        def start(window: list[str]) -> _Started:
            started.append(self._start(role, window))
            return started[-1]

        try:
            for window in one_ahead(parts, start):
                yield from self._finish(window)
                started.remove(window)
        finally:
            for pending in (pending for window in started for pending in window.pending):
                pending.cancel()

    def _start(self, role: Role, texts: list[str]) -> "_Started":
        """Read texts and start their batches."""
        if role is Role.QUERY and self._by_table:
            return _Started(role, [], [], [], self._from_table(texts))
        readings = self._readers[role].read(texts)
        passages = [passage.ids for reading in readings if reading for passage in reading.passages]
        budget = _ALONE if self._options.deterministic else self._options.batch_tokens
        groups = list(batches({number: len(ids) for number, ids in enumerate(passages)}, budget))
        if self._options.lanes > 1:
            # The longest first, so that no lane is left alone with one at the end.
            groups.reverse()
        pending = self._lanes.start(([passages[number] for number in group] for group in groups), role)
        cut = sum(bool(each and each.cut) for each in readings)
        queries = cut if role is Role.QUERY else 0
        self._counter.add(Counts(len(texts), cut, len(passages), sum(map(len, passages)), queries))
        return _Started(role, readings, groups, pending, [])

    def _finish(self, started: "_Started") -> list[SparseVector]:
        """Wait for the batches and return the vectors of the texts."""
        if started.ready:
            return started.ready
        outputs: dict[int, PassageOutput] = {}
        for group, pending in zip(started.groups, started.pending, strict=True):
            output = pending.result()
            for row, number in enumerate(group):
                outputs[number] = PassageOutput(output.term_ids[row], output.weights[row], output.gates[row])
        vectors, number = [], 0
        for reading in started.readings:
            if reading is None:
                vectors.append(SparseVector())
                continue
            of_text = [outputs[number + place].cut(passage) for place, passage in enumerate(reading.passages)]
            vectors.append(self._vectors.of_model(reading, of_text, started.role))
            number += len(reading.passages)
        return vectors

    def _from_table(self, texts: list[str]) -> list[SparseVector]:
        """Return the vectors of queries without a model."""
        reader, vectors = self._readers[Role.QUERY], self._vectors
        self._counter.add(Counts(len(texts)))
        if self.contract.literal is None:
            pieces = reader.pieces(texts)
            return [SparseVector() if own is None else vectors.of_pieces(own) for own in pieces]
        words = reader.words(texts)
        return [vectors.of_words(own) if own.keys else SparseVector() for own in words]


class _Started(NamedTuple):
    """A window on its way."""

    role: Role
    readings: list[Reading | None]
    groups: list[list[int]]
    """The batches, as numbers of passages, counted over the window."""
    pending: list[Pending]
    ready: list[SparseVector]
    """The vectors, where no graph is needed."""


def _well_formed(text: object) -> str:
    """Replace lone surrogates, which no tokenizer takes, one character each."""
    if not isinstance(text, str):
        raise SourceError(f"there is {kind(text)} where a text belongs ({text!r:.60}): give the encoder strings")
    return text if text.isascii() else text.encode("utf-8", errors="replace").decode("utf-8")
