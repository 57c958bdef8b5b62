"""Where records come from: JSON lines, CSV or TSV (each may be gzipped), Parquet, a BEIR folder, or standard input.

A source is read lazily and, unless it is standard input, as often as one likes.
"""

import enum
import gzip
import hashlib
import io
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.jsonl import BYTE_ORDER_MARK, Record, Unreadable, read_jsonl
from csplade.pipelines.parquet import read_parquet
from csplade.pipelines.tables import read_table

STDIN = "-"

_BEIR_CORPUS = ("corpus.jsonl", "corpus.jsonl.gz")
_Seen = TypeVar("_Seen")
_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
# A list of objects, or the first line of one that stands in several.
_ARRAY = re.compile(rb"\s*\[\s*(\{|$)")


class Format(enum.StrEnum):
    """How records are written down."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"

    @property
    def is_table(self) -> bool:
        """Say whether records are rows of cells that a delimiter separates."""
        return self in _DELIMITERS


_DELIMITERS = {Format.CSV: ",", Format.TSV: "\t"}


@dataclass(frozen=True)
class Source:
    """A place that holds records; `name` is how messages call it."""

    name: str
    path: Path | None
    """None: standard input."""
    format: Format = Format.JSONL
    delimiter: str | None = None
    """What separates the cells of a table; None: what its format says."""

    @property
    def rereadable(self) -> bool:
        """Say whether `records` can be called again."""
        # A named pipe, as in `ingest <(zcat a.gz)`, is a path and yet read only once.
        return self.path is not None and self.path.is_file()

    @property
    def packed(self) -> bool:
        """Say whether the content is gzipped, whatever the name says; of what is read only once nothing is known.

        Raises:
            SourceError: the file cannot be read.
        """
        return self._looked(_is_packed) or False

    @property
    def is_parquet(self) -> bool:
        """Say whether the content is Parquet, whatever the name says; of what is read only once nothing is known.

        Raises:
            SourceError: the file cannot be read.
        """
        return self._looked(_is_parquet) or False

    def records(self) -> Iterator[Record | Unreadable]:
        """Read the records in order.

        Raises:
            SourceError: the file cannot be read to its end, is of another format, or a table has no usable header.
            MissingExtraError: it is Parquet, and pyarrow is not installed.
        """
        if self.format is Format.PARQUET and self.path is not None:
            yield from read_parquet(self.path, self.name)
        elif self.format is Format.JSONL:
            yield from read_jsonl(_no_array(self.lines(), self.name))
        else:
            yield from read_table(self.lines(), self.name, _DELIMITERS[self.format], self.delimiter)

    def digest(self) -> str | None:
        """Return what tells this content from any other, None for what can be read only once.

        Raises:
            SourceError: the file cannot be read.
        """
        return self._looked(lambda file: hashlib.file_digest(file, hashlib.blake2b).hexdigest()[:32])

    def lines(self, begin: int = 0) -> Iterator[bytes]:
        """Read the lines in order, unpacked; with `begin` those from that byte on, of a file that is not packed.

        Raises:
            SourceError: the file cannot be read to its end, has no lines as it is Parquet, or no line begins there.
        """
        try:
            with self._open() if not begin else self._open_at(begin) as lines:
                yield from lines
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from error

    def _looked(self, look: Callable[[io.BufferedReader], _Seen]) -> _Seen | None:
        """Return what a look into the file finds; None for what can be read only once."""
        if self.path is None or not self.rereadable:
            return None
        try:
            with self.path.open("rb") as file:
                return look(file)
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> SourceError:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return SourceError(f"{self.name} cannot be read ({reason}): check the file")

    @contextmanager
    def _open_at(self, begin: int) -> Iterator[Iterable[bytes]]:
        if self.path is None:
            raise SourceError(f"{self.name} can be read only from its beginning: name a file")
        with self.path.open("rb") as file:
            file.seek(begin - 1)
            if file.read(1) != b"\n":
                raise SourceError(f"{self.name} has changed, no line begins at its byte {begin}: run again")
            yield file

    @contextmanager
    def _open(self) -> Iterator[Iterable[bytes]]:
        if self.path is None:
            with _unpacked(self._of_lines(_standard_input())) as stream:
                yield stream
        else:
            with self.path.open("rb") as file, _unpacked(self._of_lines(file)) as stream:
                yield stream

    def _of_lines(self, stream: io.BufferedReader) -> io.BufferedReader:
        """Check that what is to be read line by line is no Parquet, which has none."""
        if _is_parquet(stream):
            helps = (
                "give --format parquet, or leave --format out" if self.rereadable else "write it to a file, and name it"
            )
            raise SourceError(f"{self.name} is Parquet: {helps}")
        return stream


def digest_of(sources: Sequence[Source]) -> str | None:
    """Return what tells the contents of sources, in this order, from any others; of a single one its own digest.

    None if one of them can be read only once.

    Raises:
        SourceError: a file cannot be read.
    """
    digests = [digest for source in sources if (digest := source.digest()) is not None]
    if len(digests) < len(sources):
        return None
    return digests[0] if len(digests) == 1 else hashlib.blake2b("".join(digests).encode()).hexdigest()[:32]


def find_source(argument: str, format: Format | None = None) -> Source:
    """Return the source a user named: a file, a BEIR folder, or `-`; without a format its name tells, or its content.

    Raises:
        SourceError: there is no such file, it cannot be read, or the folder holds no corpus.
        UsageError: Parquet is to come on standard input, where it cannot be read.
    """
    if argument == STDIN:
        if format is Format.PARQUET:
            raise UsageError("Parquet cannot be read from standard input: name the file")
        return Source("standard input", None, format or Format.JSONL)
    path = Path(argument)
    if path.is_dir():
        corpus = next((path / name for name in _BEIR_CORPUS if (path / name).is_file()), None)
        if corpus is None:
            raise SourceError(f"the folder {path} holds no {' or '.join(_BEIR_CORPUS)}: name a BEIR folder or a file")
        return Source(str(corpus), corpus)
    if not path.exists():
        raise SourceError(f"there is no file {path}: correct the path, or use - for standard input")
    source = Source(str(path), path, format or _format_of(path))
    return replace(source, format=Format.PARQUET) if format is None and source.is_parquet else source


def _format_of(path: Path) -> Format:
    """Return the format that the name says; JSON lines if it says none."""
    ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    return Format(ending) if ending in set(Format) else Format.JSONL


@contextmanager
def _unpacked(stream: io.BufferedReader) -> Iterator[Iterable[bytes]]:
    """Undo gzip if the content is gzipped, whatever the name says."""
    if not _is_packed(stream):
        yield stream
        return
    with gzip.open(stream) as unpacked:
        yield unpacked


def _is_packed(stream: io.BufferedReader) -> bool:
    return stream.peek(2)[:2] == _GZIP_MAGIC


def _is_parquet(stream: io.BufferedReader) -> bool:
    return stream.peek(len(_PARQUET_MAGIC))[: len(_PARQUET_MAGIC)] == _PARQUET_MAGIC


def _no_array(lines: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Pass lines through, unless all of them are one JSON array."""
    rest = iter(lines)
    first = next(rest, b"")
    if _ARRAY.match(first.removeprefix(BYTE_ORDER_MARK)):
        raise SourceError(
            f"{name} is a JSON array, and one object a line is wanted: convert it, as by jq -c '.[]' old.json > "
            "new.jsonl"
        )
    return chain((first,), rest)


def _standard_input() -> io.BufferedReader:
    stream = sys.stdin.buffer
    # A program that calls this one may have put something in the place of the real one.
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(io.BytesIO(stream.read()))
