"""Files that are, at any moment, the old or the new one, whenever a program is stopped."""

import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}")


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
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        # Not by `tempfile`, whose files nobody else may read, whatever the umask says.
        with fresh.open("xb") as file:
            write(file)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def remove_unfinished(folder: Path, age: float = 0.0) -> None:
    """Delete what writers that were killed have left in a folder, if nothing was written to it for `age` seconds.

    Who is not the only one to write there gives an age that no file reaches which is still being written.

    Raises:
        OSError: it cannot be written.
    """
    for path in folder.glob(".*"):
        if _UNFINISHED.fullmatch(path.name):
            with suppress(FileNotFoundError):  # Its writer has finished it meanwhile.
                if time.time() - path.stat().st_mtime >= age:
                    path.unlink()


def _write(file: IO[bytes], content: bytes) -> None:
    file.write(content)
