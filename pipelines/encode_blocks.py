"""Sources in blocks of records, a file of vectors for each: what many encoders can do beside each other and again.

A block's file has a name that its place decides, and is whole or not there. So a block that was begun twice, because a
worker died, is written once, and a finished one is not done again. One over which worker after worker dies is given up.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from csplade.pipelines.encode import Encoder
from csplade.pipelines.encode_folder import failed_of, one_try, tries_of
from csplade.pipelines.encode_lines import Whole, vector_line
from csplade.pipelines.encode_parquet import PARQUET, count_rows, write_parquet
from csplade.pipelines.encode_records import with_vectors
from csplade.pipelines.errors import SourceError
from csplade.pipelines.graph import Role
from csplade.pipelines.jsonl import Record, Unreadable
from csplade.pipelines.sources import Source
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.starts import BEGINNING, Start, find_starts, records_from
from csplade.pipelines.whole_file import replace_bytes, replace_file


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that can be encoded."""

    id: str
    text: str
    whole: Whole | None
    """All its fields, if they are to be kept."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A record that cannot, as a dead letter."""

    letter: bytes


@dataclass(frozen=True)
class Block:
    """Records of a source, from `begin` to before `end`."""

    source: Source
    begin: int
    end: int
    output: Path
    """A file of JSON lines, or of Parquet if its name says so."""
    start: Start = BEGINNING
    """Where the source is read from, at the record `begin` or before."""

    def __str__(self) -> str:
        return f"records {self.begin + 1} to {self.end} of {self.source.name}"


class BlockReport(NamedTuple):
    """What became of a block."""

    written: int
    failed: int
    cut: int = 0
    """Texts of which the model did not see the end; those of an earlier run are not known any more."""
    runs_on: tuple[str, ...] = ()
    """The runtime's names of what the model ran on, the preferred first; none if an earlier run did it."""


Read = Callable[[Iterable[Record | Unreadable], str], Iterator[Entry | Unusable]]
"""Gives exactly one for each record, in order; the text is the name of their source."""


def plan_blocks(sources: Sequence[tuple[Source, int]], size: int, folder: Path) -> list[Block]:
    """Cut sources, each with the number of its records, into blocks of at most `size`; of Parquet if the folder is so.

    Raises:
        SourceError: a source cannot be read.
    """
    ending = PARQUET if folder.suffix == PARQUET else ".jsonl"
    blocks = []
    for number, (source, count) in enumerate(sources):
        # Of one block nobody has to look for the others.
        starts = find_starts(source, size) if count > size else {}
        for begin in range(0, count, size):
            output = folder / f"{number:04}-{begin:010}{ending}"
            blocks.append(Block(source, begin, min(begin + size, count), output, starts.get(begin, BEGINNING)))
    return blocks


def finished(block: Block) -> BlockReport | None:
    """Return what became of a block in an earlier run, None if it is still to be done.

    Raises:
        SourceError: its file cannot be read.
    """
    if not block.output.exists():
        return None
    failed = failed_of(block.output)
    count = count_rows if block.output.suffix == PARQUET else _lines
    try:
        return BlockReport(count(block.output), _lines(failed) if failed.exists() else 0)
    except OSError as error:
        raise SourceError(f"{block.output} cannot be read ({error}): delete it, and run again") from error


def encode_block(encoder: Encoder, role: Role, block: Block, read: Read) -> BlockReport:
    """Encode a block and write its file, or write it once more.

    Raises:
        SourceError: the source cannot be read, or has changed; the file cannot be written.
        EncoderError: `TRIES` workers have died over it.
    """
    letters: list[bytes] = []
    written, before = 0, encoder.counts

    def pairs() -> Iterator[tuple[Entry, SparseVector]]:
        nonlocal written
        for pair in _encoded(encoder, role, read(_records(block), block.source.name), letters):
            written += 1
            yield pair

    def write(file: IO[bytes]) -> None:
        _write(pairs(), file, block.output.suffix == PARQUET)
        if letters:
            # Before the vectors are in their place: a finished block has both.
            replace_bytes(failed_of(block.output), b"".join(letters))

    try:
        with one_try(tries_of(block.output), f"over the {block}: give workers more memory, or look at these records"):
            replace_file(block.output, write, sync=True)
    except OSError as error:
        raise SourceError(f"{block.output} cannot be written ({error.strerror}): make room, run it again") from error
    return BlockReport(written, len(letters), (encoder.counts - before).cut, encoder.runs_on)


def _records(block: Block) -> Iterator[Record | Unreadable]:
    found = 0
    for record in islice(records_from(block.source, block.start, block.begin), block.end - block.begin):
        found += 1
        yield record
    if found < block.end - block.begin:
        raise SourceError(
            f"{block.source.name} has {block.begin + found} records, and had {block.end}: run again when it is still"
        )


def _encoded(
    encoder: Encoder, role: Role, records: Iterable[Entry | Unusable], letters: list[bytes]
) -> Iterator[tuple[Entry, SparseVector]]:
    encode = encoder.documents if role is Role.DOCUMENT else encoder.queries
    for entry, vector in with_vectors(records, _text, encode):
        if isinstance(entry, Unusable):
            letters.append(entry.letter)
        elif vector is not None:
            yield entry, vector


def _write(pairs: Iterable[tuple[Entry, SparseVector]], file: IO[bytes], as_parquet: bool) -> None:
    if as_parquet:
        write_parquet(((entry.id, vector.weights) for entry, vector in pairs), file)
        return
    for entry, vector in pairs:
        file.write(vector_line(entry.id, vector, entry.whole))


def _text(entry: Entry | Unusable) -> str | None:
    return entry.text if isinstance(entry, Entry) else None


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
