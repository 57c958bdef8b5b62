"""What runs here: a note for each cluster of local servers, as one JSON file named after its port."""

from dataclasses import dataclass
from pathlib import Path

import orjson
from csplade.integration.errors import NodeError
from csplade.integration.processes import Process


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
    members: tuple[Member, ...]

    @property
    def url(self) -> str:
        """Return where it answers."""
        return self.members[0].url

    @property
    def port(self) -> int:
        """Return the port of its first member."""
        return self.members[0].port


def write_note(folder: Path, node: Node) -> None:
    """Write or replace the note of a node, in one step."""
    folder.mkdir(parents=True, exist_ok=True)
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
        return _node(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NodeError(f"{path} cannot be read ({error}): delete it, and end the server by hand") from error


def read_notes(folder: Path) -> list[Node]:
    """Return everything noted, by port."""
    ports = sorted(int(path.stem) for path in folder.glob("[0-9]*.json"))
    return [node for port in ports if (node := read_note(folder, port)) is not None]


def delete_note(folder: Path, port: int) -> None:
    """Delete the note of a port; there may be none."""
    _path(folder, port).unlink(missing_ok=True)


def _path(folder: Path, port: int) -> Path:
    return folder / f"{port}.json"


def _node(content: bytes) -> Node:
    value = orjson.loads(content)
    members = tuple(
        Member(
            str(one["name"]),
            int(one["port"]),
            Path(one["folder"]),
            Process(int(one["process"]["pid"]), str(one["process"]["birth"])),
        )
        for one in value["members"]
    )
    if not members:
        raise ValueError("no members")
    return Node(str(value["flavor"]), str(value["version"]), Path(value["data"]), members)
