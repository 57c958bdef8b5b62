"""Vectors into a Parquet file: a column `id` and a column `vector`, a map of terms to weights."""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import IO

from csplade.pipelines.encode_output import read_vectors
from csplade.pipelines.errors import MissingExtraError
from csplade.pipelines.whole_file import replace_file

PARQUET = ".parquet"
"""How the names of such files end."""
_ROWS = 5_000
"""Of a row group, which has to fit into memory."""


def require_parquet() -> None:
    """Check that Parquet can be written.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet") from error


def to_parquet(lines: Path, output: Path) -> None:
    """Write the vectors of a file of JSON lines, some rows at a time; the file is whole or not there.

    Raises:
        OSError: it cannot be written.
    """
    replace_file(output, lambda file: write_parquet(read_vectors(lines), file))


def count_rows(path: Path) -> int:
    """Return how many vectors a file that was written holds.

    Raises:
        OSError: it cannot be read, or is no Parquet file.
    """
    import pyarrow
    from pyarrow.parquet import read_metadata

    try:
        return int(read_metadata(path).num_rows)
    except pyarrow.ArrowInvalid as error:
        raise OSError(str(error).partition("\n")[0]) from error


def write_parquet(vectors: Iterable[tuple[str, Mapping[str, float]]], file: IO[bytes]) -> None:
    """Write ids with their weights, some rows at a time."""
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    schema = pyarrow.schema([("id", pyarrow.string()), ("vector", pyarrow.map_(pyarrow.string(), pyarrow.float64()))])
    rest = iter(vectors)
    with ParquetWriter(file, schema, compression="zstd") as writer:
        while rows := list(islice(rest, _ROWS)):
            columns = {"id": [name for name, _ in rows], "vector": [list(weights.items()) for _, weights in rows]}
            writer.write_table(pyarrow.table(columns, schema=schema))
