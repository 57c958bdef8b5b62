"""What runs here: a note for each local node, as one JSON file named after its port."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from csplade.integration.errors import NodeError
from csplade.integration.processes import Process
from csplade.integration.servers import title


@dataclass(frozen=True)
class Member:
    """One server process of a node."""

    name: str
    port: int
    folder: Path
    """Its own folder, with its data, configuration and log."""
    process: Process

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Return the file of all it says."""
        return self.folder / "node.log"


@dataclass(frozen=True)
class Node:
    """A local cluster of one or more server processes, known by the port of the first."""

    flavor: str
    version: str
    data: Path
    """The folder of its members' folders."""
    members: tuple[Member, ...]

    @property
    def url(self) -> str:
        """Return where it answers."""
        return self.members[0].url

    @property
    def port(self) -> int:
        """Return the port of its first member."""
        return self.members[0].port

    @property
    def title(self) -> str:
        """Return what a person calls it."""
        count = len(self.members)
        return title(self.flavor, self.version) + (f" with {count} members" if count > 1 else "")

    @property
    def processes(self) -> tuple[Process, ...]:
        """Return the processes of its members."""
        return tuple(member.process for member in self.members)


def write_note(folder: Path, node: Node) -> None:
    """Write or replace the note of a node, in one step."""
    draft = folder / f".{node.port}.json"
    draft.write_bytes(orjson.dumps(node, default=str, option=orjson.OPT_INDENT_2))
    draft.replace(_path(folder, node.port))


def read_note(folder: Path, port: int) -> Node | None:
    """Return what was noted for a port, if anything; the processes may be gone since.

    Raises:
        NodeError: the note cannot be read.
    """
    path = _path(folder, port)
    try:
        return _node(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NodeError(f"{path} is no note of a node ({error}): delete it, and end its server by hand") from error


def read_notes(folder: Path) -> list[Node]:
    """Return everything noted, by port.

    Raises:
        NodeError: a note cannot be read.
    """
    ports = sorted(int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal())
    return [node for port in ports if (node := read_note(folder, port)) is not None]


def delete_note(folder: Path, port: int) -> None:
    """Delete the note of a port; there may be none."""
    _path(folder, port).unlink(missing_ok=True)


def _path(folder: Path, port: int) -> Path:
    return folder / f"{port}.json"


def _node(value: dict[str, Any]) -> Node:  # Any: a JSON object
    members = tuple(
        Member(one["name"], int(one["port"]), Path(one["folder"]), Process(**one["process"]))
        for one in value["members"]
    )
    if not members:
        raise ValueError("it has no members")
    return Node(value["flavor"], value["version"], Path(value["data"]), members)
