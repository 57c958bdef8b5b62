"""Parquet files: rows come out as records, some at a time; pyarrow is imported when the first file is opened."""

from collections.abc import Iterator
from pathlib import Path

from csplade.pipelines.errors import MissingExtraError, SourceError
from csplade.pipelines.jsonl import Record

_ROWS = 500


def read_parquet(path: Path, name: str) -> Iterator[Record]:
    """Read the rows in order; a record's line is the number of its row, from 1.

    Raises:
        MissingExtraError: pyarrow is not installed.
        SourceError: the file called `name` is no Parquet file, or damaged.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet") from error
    number = 0
    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(number, row)
    except (ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0][:300]
        raise SourceError(f"{name} cannot be read as Parquet after row {number} ({reason}): check the file") from error
