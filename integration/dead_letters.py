"""The file of documents that could not be indexed, as JSON lines; it appears with its first line."""

import tempfile
from pathlib import Path
from typing import BinaryIO, Self

from csplade.integration.documents import Document, Rejected, dead_letter
from csplade.pipelines.errors import SourceError, UsageError


class DeadLetters:
    """Collects failed documents, each with its reason; a context manager that closes the file.

    `numbered`: a name that is taken when the first document fails (by an earlier run, or by another one at the same
    time) is no error, `a.failed.jsonl` becomes `a.failed.2.jsonl`.
    """

    def __init__(self, path: Path, numbered: bool = False) -> None:
        self.path = path
        self._numbered = numbered
        self.count = 0
        self.first_reason = ""
        self._file: BinaryIO | None = None

    def add(self, failed: Document | Rejected, reason: str) -> None:
        """Write one line at once, so that a killed run has lost none.

        Raises:
            SourceError: the file cannot be written.
        """
        try:
            if self._file is None:
                self._file = self._open()
            self._file.write(dead_letter(failed, reason))
            self._file.flush()
        except OSError as error:
            raise SourceError(
                f"the dead letters cannot be written to {self.path} ({error.strerror}): name another --dead-letters"
            ) from error
        self.first_reason = self.first_reason or reason
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> BinaryIO:
        first, number = self.path, 1
        while True:
            try:
                # "x": what an earlier run left is never overwritten.
                return self.path.open("xb")
            except FileExistsError:
                if not self._numbered:
                    raise
                number += 1
                self.path = first.with_suffix(f".{number}{first.suffix}")


def choose_path(asked: Path | None, index: str) -> Path:
    """Return where the dead letters of a run go, as asked or `INDEX.failed.jsonl`, once it is known to be possible.

    Raises:
        UsageError: the file asked for exists, its folder does not, or nothing can be written there.
    """
    path = asked or Path(f"{index}.failed.jsonl")
    if asked is not None and asked.exists():
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
