"""Vectors into a file of JSON lines that is whole or not there; a run that was stopped goes on in the part beside it.

While it is written, FILE.part holds the lines and FILE.part.job tells of what: only the same job goes on in it. Its
second line tells of the file of dead letters, once there is one.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Self

import orjson
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.jsonl import append_line, write_line
from csplade.pipelines.known_file import KnownFile
from csplade.pipelines.whole_file import replace_bytes

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Job:
    """Everything that decides which lines are written."""

    sources: tuple[str, ...]
    """Digests of their contents; none if one can be read only once."""
    fingerprint: str
    options: str

    @property
    def line(self) -> bytes:
        """Return what FILE.part.job holds."""
        return write_line(asdict(self))


class PartFile:
    """The growing part of an output file; a context manager that closes it, and leaves it there if it is worth it."""

    def __init__(self, output: Path, file: FileIO, job: Job, lines: int, dead_letters: KnownFile | None) -> None:
        self.path = _part_of(output)
        self.lines = lines
        """Those there, whole ones."""
        self.lasting = bool(job.sources)
        """Whether another run can go on in it; not where a source can be read only once."""
        self.dead_letters = dead_letters
        """The file that holds the job's records without a vector; None if it has none yet."""
        self._output, self._file, self._job = output, file, job

    @property
    def kept(self) -> bool:
        """Return whether it is left there for another run: it holds a line, or tells whose dead letters there are."""
        return bool(self.lines or (self.lasting and self.dead_letters))

    @classmethod
    def open(cls, output: Path, job: Job, force: bool = False) -> "PartFile":
        """Begin the part, or go on in that of the same job.

        Raises:
            UsageError: the output is there, or the part of another job, and neither is to be replaced; or it is no
                file; or another run writes it.
            SourceError: it cannot be written.
        """
        _check_free(output, force)
        part, told = _part_of(output), _job_of(output)
        try:
            found, dead_letters = _told(told)
            ours = bool(job.sources) and found == job.line
            same = ours and part.exists()
            # One without a line is nobody's work; whoever writes it now has the lock.
            if part.exists() and part.stat().st_size and not same and not force:
                raise UsageError(
                    f"{part} was left by a run with another source, encoder or options, or of standard input: move it "
                    "away, or add --force"
                )
            file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
            _lock(file, part)
            lines, size = _whole_lines(file) if same else (0, 0)
            file.truncate(size)
            file.seek(size)
            if not ours:
                replace_bytes(told, job.line)
        except OSError as error:
            raise _unwritable(part, error) from error
        return cls(output, file, job, lines, dead_letters if ours else None)

    def name_dead_letters(self, path: Path, first: bytes) -> None:
        """Remember the file of dead letters that was begun, with its first line: another run of the job begins it anew.

        Raises:
            SourceError: it cannot be written down.
        """
        try:
            self.dead_letters = KnownFile.of(path, first)
            replace_bytes(_job_of(self._output), self._job.line + self.dead_letters.told)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def append(self, line: bytes) -> None:
        """Write a line at once.

        Raises:
            SourceError: it cannot be written.
        """
        try:
            append_line(self._file, line)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self.lines += 1

    def recount(self) -> None:
        """Count the lines that are there, whole ones: a signal may come between the writing of one and its counting."""
        self._file.seek(0)
        self.lines, _ = _whole_lines(self._file)

    def finish(self, convert: Callable[[Path, Path], None] | None = None) -> None:
        """Put the part into its place, or have it converted there, and leave nothing beside it.

        Raises:
            SourceError: that is not possible.
        """
        try:
            if convert is None:
                os.replace(self.path, self._output)
            else:
                convert(self.path, self._output)
                self.path.unlink()
            _job_of(self._output).unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self._output, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.kept:
            self.path.unlink(missing_ok=True)
            _job_of(self._output).unlink(missing_ok=True)
        self._file.close()


def read_vectors(path: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Read ids and weights of lines that were written."""
    with path.open("rb") as file:
        for line in file:
            value = orjson.loads(line)
            yield value["id"], value["vector"]


def _part_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.part")


def _job_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.part.job")


def _check_free(output: Path, force: bool) -> None:
    if output.is_dir():
        raise UsageError(f"{output} is a folder, and vectors go into a file: name one in it, or another")
    if output.exists() and not output.is_file():
        raise UsageError(f"{output} is no file that could be replaced: name another, or leave --output out and pipe")
    if output.exists() and not force:
        raise UsageError(f"{output} exists, and is not overwritten: name another file, or add --force")


def _told(path: Path) -> tuple[bytes, KnownFile | None]:
    """Return the job's line that a file holds, empty if there is none, and the dead letters that it tells of."""
    if not path.exists():
        return b"", None
    job, end, named = path.read_bytes().partition(b"\n")
    return job + end, KnownFile.read(named)


def _whole_lines(file: FileIO) -> tuple[int, int]:
    """Count the whole lines, and the bytes that they take."""
    lines = size = read = 0
    while chunk := file.read(_CHUNK):
        lines += chunk.count(b"\n")
        if b"\n" in chunk:
            size = read + chunk.rindex(b"\n") + 1
        read += len(chunk)
    return lines, size


def _lock(file: FileIO, path: Path) -> None:
    """Keep other runs from the file for as long as it is open."""
    if os.name == "nt":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise UsageError(f"another run writes {path}: wait for it, or name another output") from error


def _unwritable(path: Path, error: OSError) -> SourceError:
    return SourceError(f"the vectors cannot be written to {path} ({error.strerror or error}): make room, run it again")
