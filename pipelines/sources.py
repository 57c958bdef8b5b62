"""Where records come from: JSON lines, CSV or TSV (each may be gzipped), Parquet, a BEIR folder, or standard input.

A source is read lazily and, unless it is standard input, as often as one likes.
"""

import csv
import enum
import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.jsonl import Record, Unreadable, read_jsonl, without_mark
from csplade.pipelines.parquet import read_parquet

STDIN = "-"

_BEIR_CORPUS = ("corpus.jsonl", "corpus.jsonl.gz")
_Seen = TypeVar("_Seen")
_GZIP_MAGIC = b"\x1f\x8b"
# A cell of a table may be as long as a line of JSON; the module's own limit is 128 KiB.
_LONGEST_CELL = 2**31 - 1


class Format(enum.StrEnum):
    """How records are written down."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"


_DELIMITERS = {Format.CSV: ",", Format.TSV: "\t"}


@dataclass(frozen=True)
class Source:
    """A place that holds records; `name` is how messages call it."""

    name: str
    path: Path | None
    """None: standard input."""
    format: Format = Format.JSONL

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

    def records(self) -> Iterator[Record | Unreadable]:
        """Read the records in order.

        Raises:
            SourceError: the file cannot be read to its end, or a table has no usable header.
            MissingExtraError: it is Parquet, and pyarrow is not installed.
        """
        if self.format is Format.PARQUET and self.path is not None:
            yield from read_parquet(self.path, self.name)
        elif self.format is Format.JSONL:
            yield from read_jsonl(self.lines())
        else:
            yield from _read_table(self.lines(), self.name, _DELIMITERS[self.format])

    def digest(self) -> str | None:
        """Return what tells this content from any other, None for what can be read only once.

        Raises:
            SourceError: the file cannot be read.
        """
        return self._looked(lambda file: hashlib.file_digest(file, hashlib.blake2b).hexdigest()[:32])

    def lines(self, begin: int = 0) -> Iterator[bytes]:
        """Read the lines in order, unpacked; with `begin` those from that byte on, of a file that is not packed.

        Raises:
            SourceError: the file cannot be read to its end, or no line begins there.
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
            with _unpacked(_standard_input()) as stream:
                yield stream
        else:
            with self.path.open("rb") as file, _unpacked(file) as stream:
                yield stream


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
    """Return the source a user named: a file, a BEIR folder, or `-`; without a format its name tells.

    Raises:
        SourceError: there is no such file, or the folder holds no corpus.
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
    return Source(str(path), path, format or _format_of(path))


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


def _standard_input() -> io.BufferedReader:
    stream = sys.stdin.buffer
    # A program that calls this one may have put something in the place of the real one.
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(io.BytesIO(stream.read()))


def _read_table(lines: Iterable[bytes], name: str, delimiter: str) -> Iterator[Record | Unreadable]:
    """Read a table with a header; a record's line is the one it begins on."""
    csv.field_size_limit(_LONGEST_CELL)
    # Bytes that are not UTF-8 become surrogates, so that one bad row can be told from its good neighbours.
    decoded = (line.decode(errors="surrogateescape") for line in without_mark(lines))
    reader = csv.reader(decoded, strict=True, delimiter=delimiter)
    header = _header(reader, name)
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
