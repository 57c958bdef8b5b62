"""Starts the processes of a node, with everything they need before: Java, the unpacked server, folders of their own."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from csplade.integration.account import Account, can_reach, give
from csplade.integration.errors import NodeError
from csplade.integration.fetch import Tell
from csplade.integration.install import install, reachable
from csplade.integration.java import Java, find_java
from csplade.integration.node_config import SNAPSHOTS, Seat, environment, settings_of, write_config
from csplade.integration.node_notes import Member, Node, delete_note, write_note
from csplade.integration.places import Places, writing
from csplade.integration.ports import FreePorts, is_free
from csplade.integration.processes import Process, end, spawn
from csplade.integration.servers import Server
from csplade.pipelines.stopping import StopSignal

_CURE = "give another folder with --data"
_END_SECONDS = 30.0


@dataclass(frozen=True)
class Ground:
    """What all members of a node share."""

    server: Server
    home: Path
    java: Java
    switches: str
    """What Java is told."""
    account: Account | None


def prepare(server: Server, switches: str, places: Places, account: Account | None, tell: Tell) -> Ground:
    """Find Java and the unpacked server, which is fetched if it is not there yet.

    Raises:
        MissingExtraError: the extra `node` is not installed.
        NodeError: there is no fitting Java, or the server cannot be fetched.
    """
    java = reachable(find_java(server, os.environ, account), places, account)
    return Ground(server, install(server, java, places, tell), java, switches, account)


def require_free(port: int) -> None:
    """Look that nothing listens on a port.

    Raises:
        NodeError: something does.
    """
    if not is_free(port):
        raise NodeError(
            f"another program listens on port {port}: give another with --port, or if it is a cluster of yours, use it "
            f"with --url http://127.0.0.1:{port}"
        )


def require_usable(data: Path, account: Account | None) -> None:
    """Look that a server can use a folder, as far as it exists.

    Raises:
        NodeError: it cannot.
    """
    # The servers' start scripts break at spaces.
    if any(letter.isspace() for letter in str(data)):
        raise NodeError(f"a server cannot use {str(data)!r}, for the space in it: {_CURE}")
    if not can_reach(data, account):
        raise NodeError(
            f"the user {account and account.name}, as whom the server runs, cannot enter {data}: {_CURE}, or open it "
            "and the folders above it"
        )


def seats_of(port: int, count: int, free: FreePorts) -> list[Seat]:
    """Return the seats of `count` members; the first one answers at `port` (0: any), all other ports are free ones."""
    first = Seat("n1", port or free.take(), free.take())
    return [first, *(Seat(f"n{number}", free.take(), free.take()) for number in range(2, count + 1))]


def launch(ground: Ground, data: Path, seats: Sequence[Seat], notes: Path) -> Node:
    """Start a process for each seat, which will find each other, and note them; if one cannot be started none is left.

    Raises:
        NodeError: the folder cannot be used, or a process cannot be started.
    """
    with writing(data, _CURE):
        (data / SNAPSHOTS).mkdir(parents=True, exist_ok=True)
    require_usable(data, ground.account)
    give(data / SNAPSHOTS, ground.account)
    members: list[Member] = []
    try:
        for seat in seats:
            # Stopped between the start of a process and its note, this would leave a server that nobody knows.
            with StopSignal() as stop:
                members.append(_start_member(ground, data / seat.name, seat, seats))
                node = Node(ground.server.flavor, ground.server.version, data, tuple(members))
                write_note(notes, node)
            if stop.asked:
                raise KeyboardInterrupt
    except BaseException:
        end([member.process for member in members], _END_SECONDS)
        delete_note(notes, seats[0].http)
        raise
    return node


def _start_member(ground: Ground, folder: Path, seat: Seat, seats: Sequence[Seat]) -> Member:
    with writing(folder.parent, _CURE):
        process = _start_process(ground, folder, seat, seats)
    return Member(seat.name, seat.http, folder, process)


def _start_process(ground: Ground, folder: Path, seat: Seat, seats: Sequence[Seat]) -> Process:
    for part in ("data", "logs", "tmp"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    settings = settings_of(ground.server, seat, seats, folder)
    write_config(ground.server, ground.home, folder, ground.java, settings)
    # The folder itself, where the log is, stays the caller's: root writes nothing where the account could put a link.
    if ground.account is not None:
        folder.chmod(0o755)
    for part in ("config", "data", "logs", "tmp"):
        give(folder / part, ground.account)
    environ = environment(ground.server, folder, ground.java, ground.switches, os.environ.get("PATH", os.defpath))
    program = ground.home / "bin" / ground.server.flavor
    return spawn(program, ground.home, environ, folder / "node.log", ground.account)
