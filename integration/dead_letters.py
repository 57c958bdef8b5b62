"""The file of documents that could not be indexed, as JSON lines; it appears with its first line."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Self

from csplade.integration.documents import Document, Rejected, dead_letter
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.jsonl import append_line


@dataclass(frozen=True)
class Mark:
    """How far a file of dead letters had come."""

    path: str
    size: int
    """In bytes."""
    count: int
    first: str
    """The reason of the first."""


class DeadLetters:
    """Collects failed documents, each with its reason; a context manager that closes the file, also more than once.

    `numbered`: a name that is taken when the first document fails (by an earlier run, or by another one at the same
    time) is no error, `a.failed.jsonl` becomes `a.failed.2.jsonl`.
    """

    def __init__(self, path: Path, numbered: bool = False) -> None:
        self.path = path
        self._numbered = numbered
        self.count = 0
        self.first_reason = ""
        self._file: FileIO | None = None
        self._created = False
        self._resumed: Mark | None = None

    def resume(self, mark: Mark) -> None:
        """Go on in the file of a run that was killed, behind what that run had settled.

        A file that is gone or shorter was taken away to be mended: then only the count goes on.

        Raises:
            SourceError: the file cannot be written.
        """
        self.count, self.first_reason, self._resumed = mark.count, mark.first, mark
        found = Path(mark.path)
        try:
            if found.is_file() and found.stat().st_size >= mark.size:
                self._file = found.open("r+b", buffering=0)
                self._cut(mark.size)
                self.path = found
        except OSError as error:
            raise self._unwritable(error) from error

    @property
    def mark(self) -> Mark | None:
        """Return how far the file has come, None if there was never one."""
        if self._file is None:
            return self._resumed
        return Mark(str(self.path.resolve()), self._file.tell(), self.count, self.first_reason)

    @property
    def begun(self) -> bool:
        """Return whether there is a file by now."""
        return self._file is not None

    def begin(self) -> None:
        """Create the file, still empty.

        Raises:
            SourceError: it cannot be written.
        """
        try:
            self._file = self._file or self._open()
        except OSError as error:
            raise self._unwritable(error) from error

    def add(self, failed: Document | Rejected, reason: str) -> None:
        """Write one line at once, so that a killed run has lost none.

        Raises:
            SourceError: the file cannot be written.
        """
        try:
            self._file = self._file or self._open()
            append_line(self._file, dead_letter(failed, reason))
        except OSError as error:
            raise self._unwritable(error) from error
        self.first_reason = self.first_reason or reason
        self.count += 1

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let all that is added inside the block stay, or, if the block fails, nothing of it.

        Raises:
            SourceError: what was added cannot be taken back.
        """
        size = self._size()
        count, first = self.count, self.first_reason
        try:
            yield
        except BaseException:
            self.count, self.first_reason = count, first
            try:
                self._cut(size)
            except OSError as error:
                raise self._unwritable(error) from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _size(self) -> int:
        if self._file is not None:
            return self._file.tell()
        return self.path.stat().st_size if self._created and self.path.exists() else 0

    def _cut(self, size: int) -> None:
        if self._file is not None:
            self._file.truncate(size)
            self._file.seek(size)

    def _unwritable(self, error: OSError) -> SourceError:
        return SourceError(
            f"the dead letters cannot be written to {self.path} ({error.strerror}): name another --dead-letters"
        )

    def _open(self) -> FileIO:
        if self._created:
            return self.path.open("ab", buffering=0)
        first, number = self.path, 1
        while True:
            try:
                # "x": what an earlier run left is never overwritten.
                opened = self.path.open("xb", buffering=0)
                self._created = True
                return opened
            except FileExistsError:
                if not self._numbered:
                    raise
                number += 1
                self.path = first.with_suffix(f".{number}{first.suffix}")


def choose_path(asked: Path | None, index: str, resuming: bool = False) -> Path:
    """Return where the dead letters of a run go, as asked or `INDEX.failed.jsonl`, once it is known to be possible.

    `resuming`: the file asked for may be that of the run that goes on.

    Raises:
        UsageError: the file asked for exists, its folder does not, or nothing can be written there.
    """
    path = asked or Path(f"{index}.failed.jsonl")
    if asked is not None and asked.exists() and not resuming:
        raise UsageError(f"the file {asked} exists, and dead letters overwrite nothing: name another --dead-letters")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} for the dead letters: create it, or name another")
    try:
        # Permissions alone would not tell of a full disk or a read-only one.
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise UsageError(
            f"dead letters cannot be written into {path.parent.resolve()} ({error.strerror}): name a file elsewhere "
            "with --dead-letters"
        ) from error
