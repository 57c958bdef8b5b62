"""Notes of what runs: written, read, listed, deleted, damaged."""

from pathlib import Path

import pytest
from csplade.integration.errors import NodeError
from csplade.integration.node_notes import Member, Node, delete_note, read_note, read_notes, write_note
from csplade.integration.processes import Process


def a_node(port: int, members: int = 1) -> Node:
    folder = Path("/data")
    processes = [Process(100 + number, f"{number} boot") for number in range(members)]
    return Node(
        "opensearch",
        "3.8.0",
        folder,
        tuple(Member(f"n{i + 1}", port + i, folder / f"n{i + 1}", process) for i, process in enumerate(processes)),
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    node = a_node(9200, members=3)
    write_note(tmp_path, node)
    assert read_note(tmp_path, 9200) == node
    write_note(tmp_path, a_node(9200))
    assert read_note(tmp_path, 9200) == a_node(9200)


def test_notes_are_listed_by_port_and_nothing_else_is(tmp_path: Path) -> None:
    for port in (10000, 9200, 9201):
        write_note(tmp_path, a_node(port))
    (tmp_path / ".lock").touch()
    (tmp_path / "other.json").touch()
    assert [node.port for node in read_notes(tmp_path)] == [9200, 9201, 10000]
    delete_note(tmp_path, 9201)
    delete_note(tmp_path, 9201)
    assert [node.port for node in read_notes(tmp_path)] == [9200, 10000]


def test_where_nothing_was_noted_there_is_nothing(tmp_path: Path) -> None:
    assert read_note(tmp_path / "not-there", 9200) is None
    assert read_notes(tmp_path / "not-there") == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"flavor": "x", "version": "1", "data": "/", "members": []}']
)
def test_a_damaged_note_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "9200.json").write_text(content)
    with pytest.raises(NodeError, match=r"9200\.json is no note of a node \(.+\): delete it"):
        read_note(tmp_path, 9200)


def test_a_node_says_what_it_is_and_where() -> None:
    node = a_node(9200, members=2)
    assert node.title == "OpenSearch 3.8.0 with 2 members"
    assert [member.url for member in node.members] == ["http://127.0.0.1:9200", "http://127.0.0.1:9201"]
    assert (node.url, node.members[0].log) == ("http://127.0.0.1:9200", Path("/data/n1/node.log"))
