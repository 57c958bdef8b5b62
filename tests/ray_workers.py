"""Commands that let Ray's workers encode, and the processes of its actors, to be killed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START = "from csplade.cli import main; main()"


@contextmanager
def ray_with(gpus: int) -> Iterator[None]:
    """Connect this process to a cluster of its own, which says that it has two processors and so many GPUs."""
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, num_gpus=gpus, include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


def start_on_ray(folder: Path, encoder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `csplade ARGUMENTS --engine ray` in a folder, with that encoder; what it says is kept."""
    return subprocess.Popen(
        [sys.executable, "-c", _START, *arguments, "--engine", "ray"],
        cwd=folder,
        env={**os.environ, "CSPLADE_ENCODER": str(encoder), "RAY_USAGE_STATS_ENABLED": "0"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


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
