"""Tables with a header, of cells that a delimiter separates: lines in, records out."""

import csv
from collections.abc import Iterable, Iterator

from csplade.pipelines.errors import SourceError
from csplade.pipelines.jsonl import Record, Unreadable, without_mark

# A cell of a table may be as long as a line of JSON; the module's own limit is 128 KiB.
_LONGEST_CELL = 2**31 - 1
# What separates cells in other tables, and what helps.
_OTHERS = {";": "--delimiter ';'", "\t": "--format tsv", ",": "--format csv", "|": "--delimiter '|'"}


def read_table(lines: Iterable[bytes], name: str, usual: str, given: str | None) -> Iterator[Record | Unreadable]:
    """Read a table with a header; a record's line is the one it begins on.

    Its cells are separated by the character that was given, else by the `usual` one of its kind.

    Raises:
        SourceError: its header names a column twice or not at all, or seems to be separated by another character than
            the usual one.
    """
    csv.field_size_limit(_LONGEST_CELL)
    # Bytes that are not UTF-8 become surrogates, so that one bad row can be told from its good neighbours.
    decoded = (line.decode(errors="surrogateescape") for line in without_mark(lines))
    reader = csv.reader(decoded, strict=True, delimiter=given or usual)
    header = _header(reader, name)
    if given is None:
        _check_separated(header, name, usual)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Unreadable(line, f"is not CSV ({error})", "")
            continue
        if row is None:
            return
        if row:
            yield _row(header, row, line)


def _header(reader: Iterator[list[str]], name: str) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise SourceError(f"{name} line 1 is not CSV ({error}): check the file") from error
    if len(set(header)) != len(header) or (header and not all(header)):
        raise SourceError(f"{name} line 1 must name each column once, it is {','.join(header)!r}: correct the header")
    return header


def _check_separated(header: list[str], name: str, usual: str) -> None:
    """Check that a header of one column does not look like one of several."""
    other = next((each for each in _OTHERS if len(header) == 1 and each in header[0]), None)
    if other is not None:
        raise SourceError(
            f"{name} line 1 names a single column, {header[0]!r}, and seems to be separated by {other!r}: give "
            f"{_OTHERS[other]}, or separate cells by {usual!r}"
        )


def _row(header: list[str], row: list[str], line: int) -> Record | Unreadable:
    raw = ",".join(row)
    if not _is_utf8(raw):
        return Unreadable(line, "is not UTF-8", _replaced(raw))
    if len(row) != len(header):
        return Unreadable(line, f"has {len(row)} cells, the header has {len(header)}", raw)
    return Record(line, dict(zip(header, row, strict=True)))


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _replaced(text: str) -> str:
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
