"""The folder that all workers of a gateway share, below the system's folder for temporary files.

Other programs clear old files away there, so that nobody may count on what is in it.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Make the folder, and delete it in the end; systemd-tmpfiles leaves it alone meanwhile."""
    with tempfile.TemporaryDirectory(prefix="csplade-") as name, _kept(name):
        yield Path(name)


def restore(folder: Path) -> None:
    """Make a folder of the gateway again if it has been cleared away.

    Raises:
        OSError: it cannot be made, or is somebody else's by now.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    # Its name is known by then, and everybody may make folders where it lies. Windows has no such numbers.
    if os.name != "nt" and folder.lstat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, or leave none behind.

    Raises:
        OSError: it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError:
        # A full disk may have taken a part, which would say something else.
        path.unlink(missing_ok=True)
        raise


@contextmanager
def _kept(folder: str) -> Iterator[None]:
    """Hold the lock that tmpfiles.d(5) names for what must not be cleared away by age."""
    if os.name == "nt":
        yield
        return
    import fcntl

    opened = os.open(folder, os.O_RDONLY)
    try:
        # Not every file system has locks; without one, only what clears old files away may take the folder.
        with suppress(OSError):
            fcntl.flock(opened, fcntl.LOCK_SH)
        yield
    finally:
        os.close(opened)
