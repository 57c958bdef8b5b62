"""The file of documents that could not be indexed, as JSON lines; it appears with its first line."""

from pathlib import Path
from typing import BinaryIO, Self

from csplade.integration.documents import Document, Rejected, dead_letter
from csplade.pipelines.errors import SourceError, UsageError


class DeadLetters:
    """Collects failed documents, each with its reason; a context manager that closes the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
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
                # "x": what an earlier run left is never overwritten.
                self._file = self.path.open("xb")
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


def free_path(asked: Path | None, index: str) -> Path:
    """Return where the dead letters of a run go: as asked, else `INDEX.failed.jsonl`, `INDEX.failed.2.jsonl`, ….

    Raises:
        UsageError: the file asked for exists, or its folder does not.
    """
    if asked is None:
        return _first_free(index)
    if asked.exists():
        raise UsageError(f"the file {asked} exists, and dead letters overwrite nothing: name another --dead-letters")
    if not asked.parent.is_dir():
        raise UsageError(f"there is no folder {asked.parent} for the dead letters: create it, or name another")
    return asked


def _first_free(index: str) -> Path:
    path, number = Path(f"{index}.failed.jsonl"), 1
    while path.exists():
        number += 1
        path = Path(f"{index}.failed.{number}.jsonl")
    return path
