"""A gateway's workers, as the system lists processes."""

from contextlib import suppress
from pathlib import Path

from csplade.tests.gateway_process import Gateway

WORKERS = ("--workers", "2")


def workers(gateway: Gateway) -> set[int]:
    """Return the workers that are processes of their own."""
    return {pid for pid, name in children(gateway).items() if b"spawn_main" in name}


def forked(gateway: Gateway) -> set[int]:
    """Return the workers that are copies of their parent, which holds the encoder."""
    same = Path(f"/proc/{gateway.process.pid}/cmdline").read_bytes()
    return {pid for pid, name in children(gateway).items() if name == same}


def children(gateway: Gateway) -> dict[int, bytes]:
    """Return the processes that it has started, each with its command line."""
    found = {}
    for pid in Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split():
        # It may end meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            found[int(pid)] = Path(f"/proc/{pid}/cmdline").read_bytes()
    return found
