"""Which records of a source are settled, in a file that grows with each batch: a killed run goes on where it was.

The file is JSON lines: the job (source, index, encoder, options), then for each batch the numbers of its records,
those of them that failed, and how far the dead letters had come. A line that was cut off is as if it was never written.
"""

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Any, Self

import orjson
from csplade.integration.dead_letters import Mark
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.jsonl import append_line, write_line

_FORMAT = 1


@dataclass(frozen=True)
class Job:
    """What must be the same for a run to go on: everything that decides which documents are in the index."""

    source: str
    """Digest of its content."""
    index: str
    uuid: str
    """Of the index: one that was deleted and made again holds nothing of an earlier run."""
    fingerprint: str
    options: str

    @property
    def line(self) -> dict[str, object]:
        """Return the first line of the file."""
        return {"format": _FORMAT, **asdict(self)}


class Checkpoint:
    """The settled records of one job; a context manager that closes the file, and keeps it if it holds any."""

    def __init__(self, path: Path, file: FileIO, settled: list[Mapping[str, Any]]) -> None:  # Any: JSON objects
        self.path = path
        self._file = file
        ranges = _merged(sorted((begin, end) for line in settled for begin, end in _ranges(line)))
        self._begins, self._ends = [begin for begin, _ in ranges], [end for _, end in ranges]
        failed = [number for line in settled for number in line["failed"]]
        self._failed, self.failures = frozenset(failed), len(failed)
        """How many had failed; one that was not settled for all that may have failed in two runs."""
        self.mark = Mark(**settled[-1]["dead"]) if settled and settled[-1]["dead"] else None
        """How far the dead letters had come."""
        self.resumed = bool(settled)
        self._empty = not settled

    @classmethod
    def open(cls, path: Path, job: Job) -> "Checkpoint":
        """Read what is settled; a file of another job, or none, counts as nothing settled and is begun anew.

        Raises:
            UsageError: another run has it open.
            SourceError: it cannot be written.
        """
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        except OSError as error:
            raise SourceError(
                f"the checkpoint {path} cannot be written ({error.strerror}): name another file with --checkpoint"
            ) from error
        _lock(file, path)
        first, *settled = [*_whole_lines(file)] or [{}]
        if first == job.line:
            return cls(path, file, settled)
        begun = cls(path, file, [])
        try:
            file.seek(0)
            file.truncate()
            begun._append(job.line)
        except SourceError:
            file.close()
            raise
        return begun

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._empty:
            self.remove()
        self._file.close()

    def holds(self, number: int) -> bool:
        """Return whether the record of that number, counted from 0, is settled."""
        return self.settled_to(number) is not None

    def settled_to(self, number: int) -> int | None:
        """Return up to before which number all records are settled from that one on; None: it is not."""
        place = bisect_right(self._begins, number) - 1
        return self._ends[place] if place >= 0 and number < self._ends[place] else None

    def failed(self, number: int) -> bool:
        """Return whether a settled record is among the dead letters."""
        return number in self._failed

    def settle(self, begin: int, end: int, failed: list[int], mark: Mark | None) -> None:
        """Write down that the records from `begin` to before `end` are settled.

        Raises:
            SourceError: the file cannot be written.
        """
        self._append({"from": begin, "to": end, "failed": failed, "dead": mark})
        self._empty = False

    def settle_ranges(self, ranges: Sequence[tuple[int, int]], failed: list[int], mark: Mark | None) -> None:
        """Write down the same of several ranges at once: all of them, or none.

        Raises:
            SourceError: the file cannot be written.
        """
        self._append({"ranges": ranges, "failed": failed, "dead": mark})
        self._empty = False

    def remove(self) -> None:
        """Delete the file: the job is done."""
        self.path.unlink(missing_ok=True)

    def _append(self, line: Mapping[str, object]) -> None:
        try:
            append_line(self._file, write_line(line))
        except OSError as error:
            raise SourceError(
                f"the checkpoint {self.path} cannot be written ({error.strerror}): make room, and run again"
            ) from error


def _ranges(line: Mapping[str, Any]) -> list[tuple[int, int]]:  # Any: a JSON object
    return [(line["from"], line["to"])] if "from" in line else [(begin, end) for begin, end in line["ranges"]]


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that touch: a batch may reach over what an earlier run had settled."""
    merged: list[tuple[int, int]] = []
    for begin, end in ranges:
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _whole_lines(file: FileIO) -> Iterator[Mapping[str, Any]]:  # Any: JSON objects
    """Give the lines up to the first that is not whole, and cut the file there."""
    whole = 0
    for raw in file.readall().splitlines(keepends=True):
        try:
            line = orjson.loads(raw) if raw.endswith(b"\n") else None
        except orjson.JSONDecodeError:
            line = None
        if not isinstance(line, dict):
            break
        whole += len(raw)
        yield line
    file.seek(whole)
    file.truncate()


def _lock(file: FileIO, path: Path) -> None:
    """Keep other runs from the file for as long as it is open."""
    if os.name == "nt":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise UsageError(
            f"another run writes to the checkpoint {path}: wait for it, or name another file with --checkpoint"
        ) from error
