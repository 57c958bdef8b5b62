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
    """Ask the processes to end, and after `patience` seconds make them; those that are gone are left alone.

    Raises:
        NodeError: a process belongs to another user, or cannot be ended.
    """
    alive = [process for process in processes if is_alive(process)]
    for process in alive:
        _signal(process, signal.SIGTERM)
    if not _gone(alive, patience):
        for process in filter(is_alive, alive):
            # The whole group, as some servers are a launcher and the real one below it.
            _signal(process, signal.SIGKILL, group=True)
        if not _gone(alive, patience):
            left = next(filter(is_alive, alive))
            raise NodeError(f"the process {left.pid} does not end, not even when killed: look what holds it")
    for process in processes:
        child = _children.pop(process, None)
        if child is not None:
            # Gone, perhaps as a zombie: take it off the system's list.
            child.wait()


def _signal(process: Process, number: signal.Signals, group: bool = False) -> None:
    try:
        # It may have ended since we looked.
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(process.pid, number)
    except PermissionError as error:
        raise NodeError(f"the process {process.pid} belongs to another user: stop it as that user") from error


def _gone(processes: Sequence[Process], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while any(map(is_alive, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _birth(pid: int) -> str | None:
    """Return when a process began; None if no living one has this number."""
    if not _PROC.is_dir():
        answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
        return answer.stdout.strip() or None
    try:
        # The name in brackets may itself have spaces and brackets.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, began = fields[0], fields[19]
    # Counted from the start of the machine, so say which start.
    return None if state in "ZX" else f"{began} {_BOOT.read_text().strip()}"
