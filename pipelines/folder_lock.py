"""One process at a time in an output folder: a lock that ends with the process that holds it, however it ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from csplade.pipelines.errors import SourceError, UsageError

LOCK_FILE = ".lock"
"""Holds the number of the process; that the file is there says nothing, that it is locked does."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder, which is made; if nothing was put into it, it is removed again.

    Raises:
        UsageError: it is a file.
        SourceError: another process works there, or it cannot be written.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a new folder with --output")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Windows has no such locks.
        file = None if os.name == "nt" else _lock(folder)
    except OSError as error:
        raise SourceError(f"{folder} cannot be written ({error.strerror}): name another --output") from error
    try:
        yield
    finally:
        if file is not None:
            # Before the lock ends, so that it is never another's file that goes.
            (folder / LOCK_FILE).unlink(missing_ok=True)
            file.close()
        _remove_empty(missing)


def contents(folder: Path) -> list[Path]:
    """Return what is in a folder besides the lock; a folder that is not there has nothing."""
    return [path for path in folder.iterdir() if path.name != LOCK_FILE] if folder.is_dir() else []


def _lock(folder: Path) -> FileIO:
    """Return the lock's file, open for as long as the lock is to hold."""
    path = folder / LOCK_FILE
    while True:
        file = FileIO(path, "a+")
        if not _is_free(file):
            file.seek(0)
            holder = file.readall().decode(errors="replace")
            file.close()
            raise SourceError(
                f"another process{f' ({holder})' if holder else ''} works in {folder}: wait for it or stop it, or name "
                "another --output"
            )
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            file.truncate(0)
            file.write(str(os.getpid()).encode())
            return file
        # Whoever held it has ended and removed it since it was opened here.
        file.close()


def _is_free(file: FileIO) -> bool:
    """Take the lock if nobody has it."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, the innermost first, up to one that is not empty."""
    for folder in folders:
        if any(folder.iterdir()):
            return
        folder.rmdir()
