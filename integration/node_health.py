"""Asks members of a local node how they are, and waits until all of them make one cluster."""

import time
from contextlib import closing
from dataclasses import dataclass

from csplade.integration.client import connect
from csplade.integration.errors import ClusterError, NodeError
from csplade.integration.fetch import Tell
from csplade.integration.node_log import reason, tail
from csplade.integration.node_notes import Member, Node
from csplade.integration.processes import is_alive

_POLL_SECONDS = 0.5
_TELL_SECONDS = 10.0
_ANSWER_SECONDS = 2.0
# Shards of a node with data are recovered by then, or never.
_RED_SECONDS = 30.0


@dataclass(frozen=True)
class Health:
    """What a member says of the cluster it is in."""

    color: str
    """green, yellow or red."""
    members: int


def ask_health(member: Member) -> Health | None:
    """Return what a member says; None if it does not answer or is in no cluster yet."""
    try:
        with closing(connect(member.url)) as client:
            # Asked of the member itself, as without a cluster it would let us wait. Elasticsearch 9's archive has no
            # GET /, this it has.
            answer = client.cluster.health(params={"local": "true"}, request_timeout=_ANSWER_SECONDS)
    except ClusterError:
        return None
    joined = answer.get("discovered_cluster_manager", answer.get("discovered_master", True))
    return Health(str(answer["status"]), int(answer["number_of_nodes"])) if joined else None


def await_up(node: Node, patience: float, tell: Tell) -> None:
    """Wait until all members answer as one cluster.

    Raises:
        NodeError: one ended, or they did not answer in time.
    """
    began = time.monotonic()
    told = began
    while (color := _color(node)) is None or color == "red":
        _require_alive(node)
        waited = time.monotonic() - began
        if color == "red" and waited > _RED_SECONDS:
            tell(f"{node.url} answers, but an index in it is red: some of its data is missing or damaged")
            return
        if waited > patience:
            raise NodeError(_late(node, patience))
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            tell(f"Waiting for {node.url} ({waited:.0f} s)")
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
