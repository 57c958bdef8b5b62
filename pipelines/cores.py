"""How many processors this process can keep busy: those it may run on, and no more than its control groups pay for."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_GROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_UNIFIED = "0::"
"""How the line of the second version of control groups begins, the one that has `cpu.max`."""


def cores(groups: Path = _GROUPS, own: Path = _OWN) -> int:
    """Return how many, at least one; `own` tells in which of the `groups` this process is."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([allowed, *_quotas(groups, own)])


def quota(text: str) -> int | None:
    """Return the cores of a group by its `cpu.max`, microseconds in each period: `150000 100000` are two, begun ones
    count; None: as many as there are.
    """
    match text.split():
        case [given, period] if given.isdecimal() and period.isdecimal() and int(period):
            return max(1, math.ceil(int(given) / int(period)))
    return None


def group_paths(text: str) -> list[str]:
    """Return the group that `/proc/self/cgroup` tells, and all it is part of, the outermost first."""
    path = next((line.removeprefix(_UNIFIED) for line in text.splitlines() if line.startswith(_UNIFIED)), "")
    names = [name for name in path.split("/") if name]
    return ["/".join(names[:count]) for count in range(len(names) + 1)]


def _quotas(groups: Path, own: Path) -> Iterator[int]:
    """Give what each of the groups lets this process have; any of them can be the narrowest."""
    # Not Linux, or nothing that one may read: then nothing is known of a quota.
    with suppress(OSError):
        for path in group_paths(own.read_text()):
            with suppress(OSError):
                found = quota((groups / path / "cpu.max").read_text())
                if found is not None:
                    yield found
