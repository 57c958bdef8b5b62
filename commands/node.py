"""`csplade node`: a real search server on this machine, without Docker.

`node status --json` prints one list with an object for each server process, empty if none was started:

    [{"url": text, "flavor": "opensearch" | "elasticsearch", "version": text, "member": "n1",
      "state": "running" | "starting" | "dead", "health": "green" | "yellow" | "red" or null, "pid": number,
      "data": folder, "log": file}, ...]
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.options import json_option
from csplade.commands.output import notice, print_json
from csplade.integration.ports import DEFAULT_PORT
from csplade.pipelines.errors import UsageError
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.integration.node import Member, MemberStatus

_HEAP = re.compile(r"(\d+)([mg])b?", re.IGNORECASE)
_LEAST_HEAP_MB = 256

port_option = click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(1, 65535), help="Where the node answers."
)


@click.group("node")
def command() -> None:
    """Start, stop and look at a search server on this machine.

    \b
    Example:
      csplade node start
      csplade node status
      csplade node stop
    """


@command.command("start")
@click.option(
    "--version", default=None, metavar="VERSION", help="3.8 (the default), 3.6 (with neural-search), 2.19, 9.2 or 7.17."
)
@click.option(
    "--flavor",
    default=None,
    type=click.Choice(["opensearch", "elasticsearch"]),
    help="Default: what has that version, else opensearch.",
)
@port_option
@click.option(
    "--nodes", default=1, show_default=True, type=click.IntRange(1, 9), help="Server processes that make one cluster."
)
@click.option("--heap", default="1g", show_default=True, metavar="SIZE", help="Java heap of each process, like 512m.")
@click.option(
    "--data",
    default=None,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where data, configuration and logs are kept. Default: in the user's cache folder, by server and port.",
)
@click.option(
    "--timeout", default=300.0, show_default=True, type=click.FloatRange(min=1), help="Seconds it has to answer."
)
def start_command(
    version: str | None, flavor: str | None, port: int, nodes: int, heap: str, data: Path | None, timeout: float
) -> None:
    """Start a server and print its URL when it answers.

    It is fetched once, needs no Docker and no password, listens to this machine only, and runs until it is stopped.
    Started again, it keeps its data; a server that runs already is left as it is.

    \b
    Example:
      csplade node start
      csplade node start --version 2.19 --port 9201
      csplade node start --flavor elasticsearch --version 9.2 --port 9202 --heap 512m
      csplade node start --nodes 3 --port 9210
    """
    from csplade.integration.node import NodeOptions, start
    from csplade.integration.servers import find_server

    options = NodeOptions(
        find_server(flavor, version), port, nodes, _megabytes(heap), data=data, patience_seconds=timeout
    )
    click.echo(start(options, notice).url)


@command.command("stop")
@port_option
@click.option("--all", "every", is_flag=True, help="Stop the nodes on all ports.")
def stop_command(port: int, every: bool) -> None:
    """Stop a server that `csplade node start` started; its data stays.

    \b
    Example:
      csplade node stop
      csplade node stop --port 9201
      csplade node stop --all
    """
    from csplade.integration.node import status, stop

    ports = sorted({one.node.port for one in status()}) if every else [port]
    for one in ports:
        notice(f"Stopped the node on port {one}." if stop(one) else f"No node ran on port {one}.")
    if not ports:
        notice("No node ran.")


@command.command("status")
@json_option
def status_command(as_json: bool) -> None:
    """Show the servers that were started here and not stopped since.

    \b
    Example:
      csplade node status
      csplade node status --json
    """
    from csplade.integration.node import status

    found = status()
    if as_json:
        print_json([_as_json(one) for one in found])
    elif found:
        for one in found:
            click.echo(_as_text(one))
    else:
        notice("No node runs: start one with `csplade node start`.")


@command.command("logs")
@port_option
@click.option("--member", default=1, show_default=True, type=click.IntRange(1, 9), help="Which process of a cluster.")
@click.option("--lines", default=100, show_default=True, type=click.IntRange(0), help="How many, from the end.")
@click.option("--follow", is_flag=True, help="Go on with what is added, until the server ends or Ctrl-C.")
def logs_command(port: int, member: int, lines: int, follow: bool) -> None:
    """Print what a server said since it was started.

    \b
    Example:
      csplade node logs --lines 20
      csplade node logs --follow
    """
    from csplade.integration.node_log import follow as follow_log
    from csplade.integration.node_log import tail
    from csplade.integration.processes import is_alive

    chosen = _member(port, member)
    if not follow:
        for line in tail(chosen.log, lines):
            click.echo(line)
        return
    try:
        for line in follow_log(chosen.log, lines, lambda: is_alive(chosen.process)):
            click.echo(line)
    except KeyboardInterrupt:
        # The usual way to end it.
        return


def _member(port: int, number: int) -> "Member":
    from csplade.integration.errors import NodeError
    from csplade.integration.node import find

    node = find(port)
    if node is None:
        raise NodeError(f"no node was started on port {port}: see `csplade node status`, or name its --port")
    if number > len(node.members):
        raise UsageError(
            f"the node on port {port} has {number_of(len(node.members), 'member')}, not {number}: correct --member"
        )
    return node.members[number - 1]


def _megabytes(heap: str) -> int:
    found = _HEAP.fullmatch(heap.strip())
    megabytes = int(found[1]) * (1024 if found[2].lower() == "g" else 1) if found else 0
    if megabytes < _LEAST_HEAP_MB:
        raise UsageError(f"--heap {heap!r} is not {_LEAST_HEAP_MB}m or more: write it like 512m or 2g")
    return megabytes


def _as_text(one: "MemberStatus") -> str:
    """Return a server process in three lines, of which only the folders may be longer than a terminal is wide."""
    facts = (f"{one.node.flavor} {one.node.version}", one.member.name, one.state, one.health)
    told = ", ".join(filter(None, facts))
    return (
        f"{one.member.url}: {told}, pid {one.member.process.pid}\n  data  {one.member.folder}\n  log   {one.member.log}"
    )


def _as_json(one: "MemberStatus") -> dict[str, object]:
    return {
        "url": one.member.url,
        "flavor": one.node.flavor,
        "version": one.node.version,
        "member": one.member.name,
        "state": one.state,
        "health": one.health,
        "pid": one.member.process.pid,
        "data": str(one.member.folder),
        "log": str(one.member.log),
    }
