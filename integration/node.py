"""Starts and stops real search servers on this machine, without Docker: options in, a `Node` with its URL out.

A node is one server process, or several as one cluster. It outlives the program that starts it; a note in the cache
folder tells later programs about it. Servers listen on the loopback address only.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from csplade.integration.account import Account, can_reach, give, server_account
from csplade.integration.client import connect
from csplade.integration.errors import ClusterError, NodeError
from csplade.integration.install import install
from csplade.integration.java import Java, find_java
from csplade.integration.node_config import environment, settings_of, write_config
from csplade.integration.node_log import reason, tail
from csplade.integration.node_notes import Member, Node, delete_note, read_note, write_note
from csplade.integration.places import Places, find_places, locked
from csplade.integration.ports import free_port, is_free
from csplade.integration.processes import end, is_alive, spawn
from csplade.integration.servers import OPENSEARCH_3, Server

DEFAULT_PORT = 9200

_POLL_SECONDS = 0.5
_TELL_SECONDS = 10.0
_RED_SECONDS = 30.0
_END_SECONDS = 30.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class NodeOptions:
    """What is to run, and where."""

    server: Server = OPENSEARCH_3
    port: int = DEFAULT_PORT
    """0: any free one."""
    nodes: int = 1
    """Server processes that make one cluster."""
    heap_mb: int = 1024
    """Memory for each process's Java objects."""
    data: Path | None = None
    """Folder of the node's data, configuration and logs; none: in the cache folder, by server and port."""
    patience_seconds: float = 180.0


@dataclass(frozen=True)
class _Ground:
    """What all members of a node share."""

    server: Server
    home: Path
    java: Java
    account: Account | None
    heap_mb: int


def start(options: NodeOptions, progress: Tell | None = None) -> Node:
    """Start a node, or find the one that runs, and return it when it answers.

    Raises:
        MissingExtraError: the extra `node` is not installed.
        NodeError: it cannot be fetched or started; nothing runs then.
    """
    tell = progress or _silent
    account = server_account()
    places = find_places(os.environ, account)
    port = options.port or free_port()
    with locked(places.notes / f".{port}.lock"):
        node = _running(places, port)
        if node is not None:
            _require_same(node, options)
        else:
            node = _launch(options, port, places, account, tell)
        _await(node, options.patience_seconds, places, tell)
    return node


def stop(port: int = DEFAULT_PORT, patience_seconds: float = _END_SECONDS) -> bool:
    """Stop the node on a port; return whether there was one.

    Raises:
        NodeError: it belongs to another user.
    """
    places = find_places(os.environ, server_account())
    node = read_note(places.notes, port)
    if node is None:
        return False
    alive = any(is_alive(member.process) for member in node.members)
    _end(node, places, patience_seconds)
    return alive


def _silent(_text: str) -> None:
    pass


def _end(node: Node, places: Places, patience: float = _END_SECONDS) -> None:
    end([member.process for member in node.members], patience)
    delete_note(places.notes, node.port)


def _running(places: Places, port: int) -> Node | None:
    """Return the node on a port if all of it is alive; what is left of one that died is removed."""
    node = read_note(places.notes, port)
    if node is None or all(is_alive(member.process) for member in node.members):
        return node
    _end(node, places)
    return None


def _require_same(node: Node, options: NodeOptions) -> None:
    wanted = (options.server.flavor, options.server.version, options.nodes, options.data or node.data)
    if wanted != (node.flavor, node.version, len(node.members), node.data):
        raise NodeError(
            f"{node.flavor} {node.version} with {len(node.members)} node(s) and data in {node.data} already runs on "
            f"port {node.port}: stop it with `csplade node stop --port {node.port}`, or give another --port"
        )


def _launch(options: NodeOptions, port: int, places: Places, account: Account | None, tell: Tell) -> Node:
    if not is_free(port):
        raise NodeError(
            f"another program listens on port {port}: give another with --port, or if it is a cluster of yours, "
            f"use it with --url http://127.0.0.1:{port}"
        )
    server = options.server
    java = find_java(server, os.environ, account)
    home = install(server, java, places, tell)
    ground = _Ground(server, home, java, account, options.heap_mb)
    data = options.data or places.data / f"{server.id}-{port}"
    who = f" as the user {account.name}" if account else ""
    tell(f"Starting {server.title} on Java {java.major}{who}; data and logs are in {data}")
    return _spawn_members(ground, data, port, options.nodes, places)


def _spawn_members(ground: _Ground, data: Path, port: int, count: int, places: Places) -> Node:
    data.mkdir(parents=True, exist_ok=True)
    if not can_reach(data, ground.account):
        raise NodeError(f"the server cannot enter {data}: give another folder with --data")
    names = [f"n{number}" for number in range(1, count + 1)]
    ports = [port, *(free_port() for _ in names[1:])]
    transports = [free_port() for _ in names]
    members: list[Member] = []
    node = None
    try:
        for name, http, transport in zip(names, ports, transports, strict=True):
            settings = settings_of(ground.server, name, {"http": http, "transport": transport}, names, transports)
            members.append(_spawn_member(ground, data / name, name, http, settings))
            node = Node(ground.server.flavor, ground.server.version, data, tuple(members))
            write_note(places.notes, node)
    except BaseException:
        end([member.process for member in members], _END_SECONDS)
        raise
    assert node is not None
    return node


def _spawn_member(ground: _Ground, folder: Path, name: str, port: int, settings: dict[str, object]) -> Member:
    for part in ("data", "logs", "tmp"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_config(ground.server, ground.home, folder, ground.java, settings)
    give(folder, ground.account)
    environ = environment(ground.server, folder, ground.java, ground.heap_mb, os.environ["PATH"])
    program = ground.home / "bin" / ground.server.flavor
    process = spawn([program], ground.home, environ, folder / "node.log", ground.account)
    return Member(name, port, folder, process)


def _await(node: Node, patience: float, places: Places, tell: Tell) -> None:
    """Wait until all members answer as one cluster; end them if they do not."""
    began = time.monotonic()
    told = began
    try:
        while not _is_up(node):
            _require_alive(node)
            now = time.monotonic()
            if now - began > patience:
                raise NodeError(_late(node, patience))
            if now - told > _TELL_SECONDS:
                told = now
                tell(f"Waiting for {node.url} ({now - began:.0f} s)")
            time.sleep(_POLL_SECONDS)
    except BaseException:
        _end(node, places)
        raise


def _is_up(node: Node) -> bool:
    return all(_answers(member, len(node.members)) for member in node.members)


def _answers(member: Member, members: int) -> bool:
    try:
        # Asked of the member itself, as one without a cluster would let us wait.
        answer = connect(member.url).cluster.health(params={"local": "true"})
    except ClusterError:
        return False
    joined = answer.get("discovered_cluster_manager", answer.get("discovered_master", True))
    return bool(joined) and answer["number_of_nodes"] == members and answer["status"] != "red"


def _require_alive(node: Node) -> None:
    for member in node.members:
        if not is_alive(member.process):
            raise NodeError(f"the server ended while it started ({reason(member.log)}): see its log {member.log}")


def _late(node: Node, patience: float) -> str:
    log = node.members[0].log
    last = "\n".join(tail(log, 5))
    return f"the server does not answer after {patience:.0f} s: look at its log {log}, which ends with\n{last}"
