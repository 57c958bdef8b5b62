"""Processes of Ray's actors, to be killed."""

from collections.abc import Iterator
from pathlib import Path


def actors_below(pid: int, name: str) -> Iterator[int]:
    """Give the processes below that one which are actors of that class."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                names[int(entry.name)] = (entry / "cmdline").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
    for candidate, told in names.items():
        above = candidate
        while above in parents and above != pid:
            above = parents[above]
        if above == pid and name in told:
            yield candidate
