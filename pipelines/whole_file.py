"""Files that are, at any moment, the old or the new one, whenever a program is stopped."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO


def replace_bytes(path: Path, content: bytes) -> None:
    """Write the content in the file's place.

    Raises:
        OSError: the folder is not there, or cannot be written.
    """
    replace_file(path, lambda file: _write(file, content))


def replace_file(path: Path, write: Callable[[IO[bytes]], None], sync: bool = False) -> None:
    """Let `write` fill a new file, which then takes the place of the old one; `sync` has it on the disk before.

    Raises:
        OSError: as for `replace_bytes`.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _write(file: IO[bytes], content: bytes) -> None:
    file.write(content)
