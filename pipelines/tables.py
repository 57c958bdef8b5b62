"""Tables with a header, of cells that a delimiter separates: lines in, records out."""

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from csplade.pipelines.errors import SourceError
from csplade.pipelines.jsonl import Record, Unreadable, without_mark

_LONGEST_CELL = 2**26
"""Characters; the module's own limit is 128 Ki. More are not of one cell but of a quote that nobody closed, which would
take the whole file into memory."""
_LONGEST_RAW = 2**20
"""Characters that are kept of a row that cannot be read; what is longer is mended in the table."""
# What separates cells in other tables, and what helps.
_OTHERS = {";": "--delimiter ';'", "\t": "--format tsv", ",": "--format csv", "|": "--delimiter '|'"}


class _Row(NamedTuple):
    """What a table says between two ends of rows."""

    line: int
    """Where it begins, counted from 1."""
    cells: list[str]
    raw: str
    """Its lines as they stand there, at most `_LONGEST_RAW` characters."""


class _Handed:
    """Lines on their way to a parser that says no more of a row it cannot read than that it cannot."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self._kept, self._size = lines, list[str](), 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            if self._size < _LONGEST_RAW:
                self._kept.append(line)
            self._size += len(line)
            yield line

    def take(self) -> tuple[str, bool]:
        """Return the lines since this was last called, and whether that is all of them."""
        raw, whole = "".join(self._kept)[:_LONGEST_RAW].rstrip("\r\n"), self._size <= _LONGEST_RAW
        self._kept, self._size = [], 0
        return raw, whole


def read_table(lines: Iterable[bytes], name: str, usual: str, given: str | None) -> Iterator[Record | Unreadable]:
    """Read a table with a header; a record's line is the one it begins on. Blank lines are passed over.

    Its cells are separated by the character that was given, else by the `usual` one of its kind.

    Raises:
        SourceError: its header names a column twice or not at all, or seems to be separated by another character than
            the usual one.
    """
    rows = _rows(lines, given or usual)
    first = next(rows, None)
    if first is None:
        return
    header = _header(first, name)
    if given is None:
        _check_separated(header, f"{name} line {first.line}", usual)
    for row in rows:
        yield row if isinstance(row, Unreadable) else _record(header, row)


def _rows(lines: Iterable[bytes], delimiter: str) -> Iterator[_Row | Unreadable]:
    """Read rows that are not blank; behind one that cannot be read the next line begins another."""
    csv.field_size_limit(_LONGEST_CELL)
    # Bytes that are not UTF-8 become surrogates, so that one bad row can be told from its good neighbours.
    handed = _Handed(line.decode(errors="surrogateescape") for line in without_mark(lines))
    reader = csv.reader(handed, strict=True, delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield _unreadable(line, error, *handed.take())
            continue
        raw, _ = handed.take()
        if cells is None:
            return
        if cells:
            yield _Row(line, cells, raw)


def _unreadable(line: int, error: csv.Error, raw: str, whole: bool) -> Unreadable:
    cut = "" if whole else f"; only its first {_LONGEST_RAW:,} characters are kept"
    return Unreadable(line, f"is not CSV ({error}){cut}", _replaced(raw))


def _header(first: _Row | Unreadable, name: str) -> list[str]:
    if isinstance(first, Unreadable):
        raise SourceError(f"{name} line {first.line} {first.reason}: check the file")
    header = first.cells
    if len(set(header)) != len(header) or not all(header):
        raise SourceError(
            f"{name} line {first.line} must name each column once, it is {','.join(header)!r}: correct the header"
        )
    return header


def _check_separated(header: list[str], where: str, usual: str) -> None:
    """Check that a header of one column does not look like one of several."""
    other = next((each for each in _OTHERS if len(header) == 1 and each in header[0]), None)
    if other is not None:
        raise SourceError(
            f"{where} names a single column, {header[0]!r}, and seems to be separated by {other!r}: give "
            f"{_OTHERS[other]}, or separate cells by {usual!r}"
        )


def _record(header: list[str], row: _Row) -> Record | Unreadable:
    if not _is_utf8("".join(row.cells)):
        return Unreadable(row.line, "is not UTF-8", _replaced(row.raw))
    if len(row.cells) != len(header):
        return Unreadable(row.line, f"has {len(row.cells)} cells, the header has {len(header)}", row.raw)
    return Record(row.line, dict(zip(header, row.cells, strict=True)))


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _replaced(text: str) -> str:
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
