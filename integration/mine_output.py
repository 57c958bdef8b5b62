"""The file of mined examples: one line each, written at once, so that a stopped run can be continued."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from csplade.integration.mine import Mined
from csplade.integration.mine_job import MineJob, write_job
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.jsonl import Unreadable, append_line, parse_line, write_line


@dataclass(frozen=True)
class Earlier:
    """What an earlier run has written."""

    done: frozenset[tuple[str, str]]
    """Query and positive of each line."""
    size: int
    """Bytes of the whole lines; behind them, at most the beginning of one that was cut."""


class MineOutput:
    """Appends lines to an open file."""

    def __init__(self, path: Path, file: FileIO) -> None:
        self._path = path
        self._file = file

    def add(self, mined: Mined) -> None:
        """Write one line at once, so that a killed run has lost none.

        Raises:
            SourceError: the file cannot be written.
        """
        try:
            append_line(self._file, write_line(mined.to_json()))
        except OSError as error:
            raise _unwritable(self._path, error) from error


def find_earlier(path: Path, resume: bool, scored: bool, least: int = 0) -> Earlier | None:
    """Return what an earlier run has written into the file, None if there is no file.

    Raises:
        UsageError: the file exists and is not to be continued, or only one of the runs has a teacher, or a line has
            fewer than `least` negatives; there is no folder for it.
        SourceError: it cannot be read, or was not written by `csplade mine`.
    """
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} for the output: create it, or name another --output")
    if not path.exists():
        return None
    if not resume:
        raise UsageError(f"the file {path} exists, and nothing is overwritten: name another --output, or add --resume")
    try:
        with path.open("rb") as file:
            return _read(path, file, scored, least)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}): name another --output") from error


@contextmanager
def open_output(path: Path, earlier: Earlier | None, job: MineJob) -> Iterator[MineOutput]:
    """Open the file for what comes behind its earlier lines, of the same job; a line that was cut is removed.

    Raises:
        UsageError: another program has made the file meanwhile.
        SourceError: it cannot be written.
    """
    try:
        file = path.open("xb" if earlier is None else "ab", buffering=0)
        if earlier is not None:
            file.truncate(earlier.size)
        if earlier is None or not earlier.size:
            write_job(path, job)
    except FileExistsError as error:
        raise UsageError(f"the file {path} was made by another program: name another --output") from error
    except OSError as error:
        raise _unwritable(path, error) from error
    with file:
        yield MineOutput(path, file)


def _read(path: Path, lines: Iterable[bytes], scored: bool, least: int) -> Earlier:
    done: set[tuple[str, str]] = set()
    size = 0
    for number, raw in enumerate(lines, start=1):
        if not raw.endswith(b"\n"):
            break
        done.add(_pair(path, raw, number, scored, least))
        size += len(raw)
    return Earlier(frozenset(done), size)


def _pair(path: Path, raw: bytes, number: int, scored: bool, least: int) -> tuple[str, str]:
    record = parse_line(raw, number)
    value = {} if isinstance(record, Unreadable) else record.value
    query, positive, negatives = value.get("query"), value.get("positive"), value.get("negatives", [])
    if not isinstance(query, str) or not isinstance(positive, str) or not isinstance(negatives, list):
        raise SourceError(f"{path} line {number} is no line of `csplade mine`: name another --output")
    if ("scores" in value) != scored:
        has, step = ("scores", "add --teacher as before") if not scored else ("no scores", "leave --teacher out")
        raise UsageError(
            f"{path} line {number} has {has}, lines of this run would differ: {step}, or name another file"
        )
    if len(negatives) < least:
        raise UsageError(
            f"{path} line {number} has {len(negatives)} negatives, this run would leave it out: ask for so many with "
            "--negatives, leave --drop-short out, or name another file"
        )
    return query, positive


def _unwritable(path: Path, error: OSError) -> SourceError:
    return SourceError(f"{path} cannot be written ({error.strerror}): make room there, or name another --output")
