"""Starts, recognises and ends the processes of servers, which outlive the program that starts them.

A process number alone is not enough: after a crash the system may give it to somebody else. So a process is known by
its number and the moment it began.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from csplade.integration.account import Account
from csplade.integration.errors import NodeError

_PROC = Path("/proc")
_BOOT = _PROC / "sys/kernel/random/boot_id"
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Process:
    """One process of this machine."""

    pid: int
    birth: str
    """When it began, in the system's own words."""


# Children of this very program, which stay zombies until they are waited for.
_children: dict[Process, "subprocess.Popen[bytes]"] = {}


def spawn(program: Path, folder: Path, environ: Mapping[str, str], log: Path, account: Account | None) -> Process:
    """Start a program that does not end with the terminal; what it says goes into the log.

    Raises:
        NodeError: the system does not let us.
    """
    try:
        with log.open("wb") as output:
            child = subprocess.Popen(
                [program],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
    except OSError as error:
        raise NodeError(f"{program} cannot be started ({error}): see that it may be run here") from error
    process = Process(child.pid, _birth(child.pid) or "ended at once")
    _children[process] = child
    return process


def is_alive(process: Process) -> bool:
    """Return whether the process still runs, and not another one with its number."""
    child = _children.get(process)
    ended = child is not None and child.poll() is not None
    return not ended and _birth(process.pid) == process.birth


def end(processes: Sequence[Process], patience: float) -> None:
    """Ask the processes and those below them to end, and after `patience` seconds make them; others are left alone.

    Raises:
        NodeError: a process belongs to another user, or cannot be ended.
    """
    left = [process for process in processes if is_alive(process)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            _signal(process, number)
        left = _wait(left, patience)
    if left:
        raise NodeError(f"the process {left[0].pid} does not end, not even when killed: look what holds it")
    for process in processes:
        child = _children.pop(process, None)
        if child is not None:
            # Gone, perhaps as a zombie: take it off the system's list.
            child.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    """Send a signal to a process and all it started, such as the server below a launcher."""
    try:
        # It may have ended since we looked.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
    except PermissionError as error:
        raise NodeError(f"the process {process.pid} belongs to another user: stop it as that user") from error


def _wait(processes: Sequence[Process], patience: float) -> list[Process]:
    """Return those that are still there in the end."""
    deadline = time.monotonic() + patience
    left = list(processes)
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        left = [process for process in left if _remains(process)]
    return left


def _remains(process: Process) -> bool:
    """Return whether a process that was alive a moment ago still is, or any that it started."""
    # As long as the group of a process has members, the system gives its number to nobody else.
    return is_alive(process) or any(_group_of(stat) == process.pid for stat in _PROC.glob("[0-9]*/stat"))


def _group_of(stat: Path) -> int | None:
    state, _parent, group = _fields(stat)[:3]
    return None if state in "ZX" else int(group)


def _birth(pid: int) -> str | None:
    """Return when a process began; None if no living one has this number."""
    if not _PROC.is_dir():
        answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
        return answer.stdout.strip() or None
    state, *_, began = _fields(_PROC / str(pid) / "stat")[:20]
    # Counted from the start of the machine, so say which start.
    return None if state in "ZX" else f"{began} {_BOOT.read_text().strip()}"


def _fields(stat: Path) -> list[str]:
    """Return what the system says of a process, from its state on; X, for dead, if there is none."""
    try:
        # The name in brackets may itself have spaces and brackets.
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return ["X", *"0" * 19]
