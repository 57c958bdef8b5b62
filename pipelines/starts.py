"""Where blocks of records begin in a source, so that whoever reads a late one need not read all that is before it.

JSON lines are read from a byte on, Parquet from a group of rows on. What is packed, and tables, whose cells may hold
line breaks, are read from their beginning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from csplade.pipelines.jsonl import BYTE_ORDER_MARK, Record, Unreadable, read_jsonl
from csplade.pipelines.parquet import read_parquet
from csplade.pipelines.sources import Format, Source


@dataclass(frozen=True, slots=True)
class Start:
    """A record's place in a file of JSON lines, by which reading can begin there."""

    record: int
    """Its number, from 0."""
    byte: int
    """Of its line."""
    line: int
    """Counted from 1; blank ones are lines too."""


BEGINNING = Start(0, 0, 1)


def find_starts(source: Source, every: int) -> dict[int, Start]:
    """Return the places of the records 0, `every`, 2 * `every` and so on by their numbers, none where they are no help.

    Lines are looked at, and not parsed.

    Raises:
        SourceError: the source cannot be read.
    """
    if source.format is not Format.JSONL or source.packed:
        return {}
    starts: dict[int, Start] = {}
    number = byte = 0
    for line, raw in enumerate(source.lines(), start=1):
        bare = raw.removeprefix(BYTE_ORDER_MARK) if line == 1 else raw
        if bare.strip():
            if number % every == 0:
                starts[number] = Start(number, byte, line)
            number += 1
        byte += len(raw)
    return starts


def records_from(source: Source, start: Start, first: int) -> Iterator[Record | Unreadable]:
    """Read the records from the number `first` on, by a place at it or before it.

    Raises:
        SourceError: the source cannot be read to its end, or has changed.
        MissingExtraError: it is Parquet, and pyarrow is not installed.
    """
    if source.format is Format.PARQUET and source.path is not None:
        return read_parquet(source.path, source.name, first)
    if not start.byte:
        return islice(source.records(), first, None)
    return islice(read_jsonl(source.lines(start.byte), start.line), first - start.record, None)
