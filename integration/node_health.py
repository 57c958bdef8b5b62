"""Asks members of a local node how they are, and waits until all of them make one cluster."""

import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

import orjson
from csplade.integration.errors import NodeError
from csplade.integration.fetch import Tell
from csplade.integration.node_log import reason, tail
from csplade.integration.node_notes import Member, Node
from csplade.integration.processes import is_alive

_POLL_SECONDS = 0.5
_TELL_SECONDS = 10.0
_ANSWER_SECONDS = 2.0
# A node with data is red until its shards are recovered, which happens by then or never.
_RED_SECONDS = 60.0


@dataclass(frozen=True)
class Health:
    """What a member says of the cluster it is in."""

    color: str
    """green, yellow or red."""
    members: int


def ask_health(member: Member) -> Health | None:
    """Return what a member says; None if it does not answer or is in no cluster yet."""
    # Not through a client, which would write each refused connection into the program's log.
    connection = HTTPConnection("127.0.0.1", member.port, timeout=_ANSWER_SECONDS)
    try:
        # Asked of the member itself, as without a cluster it would let us wait. Elasticsearch 9's archive has no
        # GET /, this it has.
        connection.request("GET", "/_cluster/health?local=true")
        answer = orjson.loads(connection.getresponse().read())
        joined = answer.get("discovered_cluster_manager", answer.get("discovered_master", True))
        return Health(answer["status"], answer["number_of_nodes"]) if joined else None
    except (OSError, HTTPException, ValueError, LookupError):
        # Nobody, or one that cannot answer yet.
        return None
    finally:
        connection.close()


def await_up(node: Node, patience: float, tell: Tell) -> None:
    """Wait until all members answer as one cluster.

    Raises:
        NodeError: one ended, or they did not answer in time.
    """
    began = told = time.monotonic()
    red_since: float | None = None
    while (color := _color(node)) is None or color == "red":
        _require_alive(node)
        now = time.monotonic()
        red_since = (red_since or now) if color == "red" else None
        if red_since is not None and now - red_since > _RED_SECONDS:
            tell(f"{node.url} answers, but an index in it is red: some of its data is missing or damaged")
            return
        if now - began > patience:
            raise NodeError(_late(node, patience))
        if now - told > _TELL_SECONDS:
            told = now
            tell(f"Waiting for {node.url} ({now - began:.0f} s)")
        time.sleep(_POLL_SECONDS)


def _color(node: Node) -> str | None:
    """Return the health of the cluster if all members are in it."""
    colors = []
    for member in node.members:
        health = ask_health(member)
        if health is None or health.members != len(node.members):
            return None
        colors.append(health.color)
    return "red" if "red" in colors else colors[0]


def _require_alive(node: Node) -> None:
    for member in node.members:
        if not is_alive(member.process):
            raise NodeError(f"the server ended while it started ({reason(member.log)}): its log is {member.log}")


def _late(node: Node, patience: float) -> str:
    log = node.members[0].log
    last = "\n".join(tail(log, 5))
    return f"the server does not answer after {patience:.0f} s: give it more with --timeout, or see {log}\n{last}"
