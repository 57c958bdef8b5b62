"""Parquet files: rows come out as records, some at a time; pyarrow is imported when the first file is opened."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from csplade.pipelines.errors import MissingExtraError, SourceError
from csplade.pipelines.jsonl import Record, Unreadable

if TYPE_CHECKING:
    from pyarrow import Array, RecordBatch
    from pyarrow.parquet import ParquetFile

_ROWS = 500
_NO_VALUE = (ValueError, OverflowError)
"""What pyarrow raises for a value that Python cannot hold: a string that is not UTF-8, a date outside of its years."""


def read_parquet(path: Path, name: str, begin: int = 0) -> Iterator[Record | Unreadable]:
    """Read the rows in order; a record's line is the number of its row, from 1.

    The first is the row `begin`, counted from 0; groups of rows that are before it are not read.

    Raises:
        MissingExtraError: pyarrow is not installed.
        SourceError: the file called `name` is no Parquet file, is damaged, or has a column twice.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet") from error
    number = begin
    try:
        with ParquetFile(path) as file:
            _check_columns(file, name)
            for batch in _batches(file, begin):
                for row in _rows(batch, number + 1):
                    number += 1
                    yield row
    except (ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0][:300]
        raise SourceError(f"{name} cannot be read as Parquet after row {number} ({reason}): check the file") from error


def _check_columns(file: "ParquetFile", name: str) -> None:
    """Refuse a column that is there twice: of the two a record would have the later one."""
    columns = file.schema_arrow.names
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise SourceError(f"{name} must name each column once, and has {twice!r} twice: rename one of them")


def _batches(file: "ParquetFile", begin: int) -> Iterator["RecordBatch"]:
    """Give the rows from the row `begin` on."""
    group = before = 0
    groups = file.metadata.num_row_groups
    while group < groups and before + (rows := file.metadata.row_group(group).num_rows) <= begin:
        group, before = group + 1, before + rows
    for batch in file.iter_batches(batch_size=_ROWS, row_groups=range(group, groups)):
        skipped = max(0, begin - before)
        before += batch.num_rows
        if skipped < batch.num_rows:
            yield batch.slice(skipped)


def _rows(batch: "RecordBatch", first: int) -> list[Record | Unreadable]:
    """Return the rows, of which the first has the number `first`; one bad row costs none of its neighbours."""
    try:
        return [Record(number, row) for number, row in enumerate(batch.to_pylist(), start=first)]
    except _NO_VALUE:
        return [_row(batch.slice(place, 1), first + place) for place in range(batch.num_rows)]


def _row(row: "RecordBatch", number: int) -> Record | Unreadable:
    """Return the row of a batch that has one."""
    try:
        (value,) = row.to_pylist()
    except _NO_VALUE:
        whys = [(name, _why(column)) for name, column in zip(row.schema.names, row.columns, strict=True)]
        reason = next(f"{why} in the column {name!r}" for name, why in whys if why)
        return Unreadable(number, reason, ",".join(map(_shown, row.columns)))
    return Record(number, value)


def _why(column: "Array") -> str:
    """Return why a column of one row has no value, nothing if it has one."""
    try:
        column.to_pylist()
    except UnicodeDecodeError as error:
        return f"is not UTF-8 (byte 0x{error.object[error.start]:02x} at place {error.start + 1})"
    except _NO_VALUE as error:
        return f"has a value that cannot be read ({error})"
    return ""


def _shown(column: "Array") -> str:
    """Return what a column of one row holds, with replaced letters where bytes are none; nothing if it is no text."""
    from pyarrow import large_binary, types

    if not (types.is_string(column.type) or types.is_large_string(column.type)):
        return ""
    (value,) = column.cast(large_binary()).to_pylist()
    return "" if value is None else str(value, encoding="utf-8", errors="replace")
