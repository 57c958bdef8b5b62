"""Where things of local servers lie: unpacked servers, data, and notes of what runs, all in one cache folder."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from csplade.integration.account import Account, can_reach

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
    named = environ.get("XDG_CACHE_HOME")
    cache = Path(named) if named and Path(named).is_absolute() else Path.home() / ".cache"
    return Places((cache if can_reach(cache, account) else _SYSTEM_CACHE) / "csplade")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file: of several programs at once, one after the other gets here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
