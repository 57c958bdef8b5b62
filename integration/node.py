"""Starts and stops real search servers on this machine, without Docker: options in, a `Node` with its URL out.

A node is one server process, or several as one cluster. It outlives the program that starts it; a note in the cache
folder tells later programs about it. Servers listen on the loopback address only.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from csplade.integration.account import server_account
from csplade.integration.errors import NodeError
from csplade.integration.fetch import Tell
from csplade.integration.node_config import Seat, java_switches
from csplade.integration.node_health import ask_health, await_up
from csplade.integration.node_launch import launch, prepare, require_free, require_usable, seats_of
from csplade.integration.node_notes import Member, Node, delete_note, read_note, read_notes
from csplade.integration.places import Places, find_places, locked, make_places
from csplade.integration.ports import DEFAULT_PORT, FreePorts
from csplade.integration.processes import end, is_alive
from csplade.integration.servers import OPENSEARCH_3, Server

__all__ = ["Member", "MemberStatus", "Node", "NodeOptions", "find", "start", "status", "stop"]

_END_SECONDS = 30.0


@dataclass(frozen=True)
class NodeOptions:
    """What is to run, and where."""

    server: Server = OPENSEARCH_3
    port: int = DEFAULT_PORT
    """0: any free one."""
    members: int = 1
    """Server processes that make one cluster."""
    heap_mb: int = 1024
    """Memory for the Java objects of each process; it takes about 300 MB beside."""
    quick_start: bool = False
    """Let Java compile less: it starts with half the work, and searches slower under load. Good for tests."""
    data: Path | None = None
    """Folder for data, configuration and logs; none: one in the cache folder, by server and port."""
    patience_seconds: float = 300.0


@dataclass(frozen=True)
class MemberStatus:
    """How one server process is."""

    node: Node
    member: Member
    state: str
    """running, starting (or too busy to answer), or dead."""
    health: str | None
    """green, yellow or red, of its cluster."""


def start(options: NodeOptions, progress: Tell | None = None) -> Node:
    """Start a node, or find the one that runs already, and return it when it answers.

    Raises:
        MissingExtraError: the extra `node` is not installed.
        NodeError: it cannot be fetched or started; nothing of it runs then.
    """
    tell = progress or _silent
    places = _places()
    make_places(places, server_account())
    # Nobody else gets its ports before it listens on them.
    with FreePorts() as free:
        seats = seats_of(options.port, options.members, free)
        node, ours = _found_or_launched(options, seats, places, tell)
        if not ours:
            tell(f"{node.title} already runs on port {node.port}; its data and logs are in {node.data}")
        try:
            await_up(node, options.patience_seconds, tell)
        except BaseException:
            if ours:
                _end(node, places)
            raise
    return node


def stop(port: int = DEFAULT_PORT, patience_seconds: float = _END_SECONDS) -> bool:
    """Stop the node on a port; return whether there was one that ran.

    Raises:
        NodeError: it belongs to another user, or does not end.
    """
    places = _places()
    node = read_note(places.notes, port)
    if node is None:
        return False
    ran = any(map(is_alive, node.processes))
    _end(node, places, patience_seconds)
    return ran


def find(port: int = DEFAULT_PORT) -> Node | None:
    """Return the node on a port, running or dead, if one was started there and not stopped since."""
    return read_note(_places().notes, port)


def status() -> list[MemberStatus]:
    """Look at every member of every node that was started and not stopped since."""
    return [_member_status(node, member) for node in read_notes(_places().notes) for member in node.members]


def _member_status(node: Node, member: Member) -> MemberStatus:
    if not is_alive(member.process):
        return MemberStatus(node, member, "dead", None)
    health = ask_health(member)
    return MemberStatus(node, member, "running" if health else "starting", health.color if health else None)


def _silent(_text: str) -> None:
    pass


def _places() -> Places:
    if os.name == "nt":
        raise NodeError("local servers do not run on Windows: use WSL, or a cluster elsewhere with --url")
    return find_places(os.environ, server_account())


def _found_or_launched(options: NodeOptions, seats: Sequence[Seat], places: Places, tell: Tell) -> tuple[Node, bool]:
    """Return the node on the first seat's port, and whether it was started here."""
    node = _same(places, seats[0].http, options)
    if node is not None:
        return node, False
    require_free(seats[0].http)
    return _launch(options, seats, places, tell)


def _launch(options: NodeOptions, seats: Sequence[Seat], places: Places, tell: Tell) -> tuple[Node, bool]:
    """Return the node and whether it was started here: another start may have been quicker."""
    server, port = options.server, seats[0].http
    account = server_account()
    data = _data(options, places, port)
    require_usable(data, account)
    switches = java_switches(options.heap_mb, options.quick_start)
    ground = prepare(server, switches, places, account, tell)
    with locked(places.notes / ".lock"):
        node = _same(places, port, options)
        if node is not None:
            return node, False
        require_free(port)
        who = f" as the user {account.name}, for it refuses root" if account else ""
        tell(f"Starting {server.title} on Java {ground.java.major}{who}; its data and logs are in {data}")
        return launch(ground, data, seats, places.notes), True


def _data(options: NodeOptions, places: Places, port: int) -> Path:
    if options.data is not None:
        return options.data.resolve()
    several = f"-x{options.members}" if options.members > 1 else ""
    return places.data / f"{options.server.id}-{port}{several}"


def _end(node: Node, places: Places, patience: float = _END_SECONDS) -> None:
    end(node.processes, patience)
    delete_note(places.notes, node.port)


def _same(places: Places, port: int, options: NodeOptions) -> Node | None:
    """Return the node that runs on a port; what is left of one that died is removed.

    Raises:
        NodeError: it is another one than is asked for.
    """
    node = read_note(places.notes, port)
    if node is None:
        return None
    if not all(map(is_alive, node.processes)):
        _end(node, places)
        return None
    wanted = (options.server.flavor, options.server.version, options.members)
    other_data = options.data is not None and options.data.resolve() != node.data
    if wanted != (node.flavor, node.version, len(node.members)) or other_data:
        raise NodeError(
            f"{node.title} with data in {node.data} already runs on port {port}: stop it with "
            f"`csplade node stop --port {port}`, or give another --port"
        )
    return node
