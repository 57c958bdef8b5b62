"""Where things of local servers lie: unpacked servers, nodes' data, and notes of what runs, all in one cache folder."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from csplade.integration.account import Account, can_reach
from csplade.integration.errors import NodeError

CURE = "set XDG_CACHE_HOME to another folder"
"""What to do when the cache folder cannot be used."""

_SYSTEM_CACHE = Path("/var/cache")


@dataclass(frozen=True)
class Places:
    """The folders below one cache folder."""

    root: Path

    @property
    def servers(self) -> Path:
        """Return the folder of unpacked servers."""
        return self.root / "servers"

    @property
    def data(self) -> Path:
        """Return the folder of the nodes' own folders."""
        return self.root / "nodes"

    @property
    def notes(self) -> Path:
        """Return the folder of notes about what runs."""
        return self.root / "running"


def find_places(environ: Mapping[str, str], account: Account | None) -> Places:
    """Return the user's cache folder, or the system's if the account that servers run as cannot enter the user's."""
    named = Path(environ.get("XDG_CACHE_HOME", ""))
    cache = named if named.is_absolute() else Path.home() / ".cache"
    return Places((cache if can_reach(cache, account) else _SYSTEM_CACHE) / "csplade")


def make_places(places: Places, account: Account | None) -> None:
    """Create the folders; the account must be able to go through them, whatever the caller's umask is.

    Raises:
        NodeError: they cannot be created.
    """
    with writing(places.root, CURE):
        for folder in (places.root, places.servers, places.data, places.notes):
            folder.mkdir(parents=True, exist_ok=True)
            if account is not None:
                folder.chmod(0o755)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file: of several programs at once, one after the other gets here."""
    # Windows has no such module, and still imports this one.
    import fcntl

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def writing(folder: Path, cure: str) -> Iterator[None]:
    """Turn what the file system says into our error; `cure` tells how to choose another folder.

    Raises:
        NodeError: something could not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NodeError(f"there is no room left in {folder}: make some, or {cure}") from error
        raise NodeError(f"{folder} cannot be used ({error.strerror or error}): {cure}") from error
