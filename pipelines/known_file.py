"""A file that lines are added to, known again later: another one may have its name by then, or even its inode."""

import os
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

_TOLD = re.compile(rb"(\d+):(\d+):([0-9a-f]{64}) (.+)", re.DOTALL)


@dataclass(frozen=True)
class KnownFile:
    """What tells a file from another one of the same name."""

    path: Path
    """The whole one."""
    device: int
    inode: int
    first: str
    """The SHA-256 of its first line: file systems give the inode of a file that was deleted to the next one."""

    @classmethod
    def of(cls, path: Path, first: bytes) -> Self:
        """Know a file again by the line that is, or will be, its first.

        Raises:
            OSError: it is not there.
        """
        whole = path.resolve()
        seen = whole.stat()
        return cls(whole, seen.st_dev, seen.st_ino, sha256(first).hexdigest())

    @classmethod
    def read(cls, told: bytes) -> Self | None:
        """Return the file that `told` tells of, None if these bytes tell of none."""
        found = _TOLD.fullmatch(told)
        if found is None:
            return None
        device, inode, first, path = found.groups()
        return cls(Path(os.fsdecode(path)), int(device), int(inode), first.decode())

    @property
    def told(self) -> bytes:
        """Return what `read` takes."""
        return f"{self.device}:{self.inode}:{self.first} ".encode() + os.fsencode(self.path)

    def is_there(self) -> bool:
        """Look whether it is still at its path, with its first line or, perhaps killed before that, without any.

        One that cannot be read counts as another.
        """
        try:
            seen = self.path.stat()
            if not self.path.is_file() or (seen.st_dev, seen.st_ino) != (self.device, self.inode):
                return False
            with self.path.open("rb") as file:
                line = file.readline()
        except OSError:
            return False
        return not line or sha256(line).hexdigest() == self.first
