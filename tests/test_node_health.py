"""How a node is waited for: a small server answers as the members would."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from csplade.integration import node_health
from csplade.integration.errors import NodeError
from csplade.integration.node_health import Health, ask_health, await_up
from csplade.integration.node_notes import Member, Node
from csplade.integration.ports import free_port
from csplade.integration.processes import Process, end, spawn


class Server(ThreadingHTTPServer):
    """Gives its answers one after the other, the last one again and again."""

    daemon_threads = True

    def __init__(self, answers: list[tuple[int, object]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        answers = self.server.answers
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body if isinstance(body, bytes) else orjson.dumps(body))

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@contextmanager
def answering(*answers: tuple[int, object]) -> Iterator[int]:
    server = Server(list(answers))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(color: str, members: int = 1, joined: bool = True) -> tuple[int, object]:
    return 200, {"status": color, "number_of_nodes": members, "discovered_cluster_manager": joined}


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    process = spawn(program, tmp_path, {}, tmp_path / "log", None)
    yield process
    end([process], 5)


def a_node(folder: Path, process: Process, *ports: int) -> Node:
    members = tuple(Member(f"n{i}", port, folder, process) for i, port in enumerate(ports))
    return Node("opensearch", "3.8.0", folder, members)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_POLL_SECONDS", "_TELL_SECONDS"):
        monkeypatch.setattr(node_health, name, 0.02)


@pytest.mark.parametrize(
    ("answer", "health"),
    [
        (says("yellow", 3), Health("yellow", 3)),
        ((200, {"status": "green", "number_of_nodes": 1, "discovered_master": True}), Health("green", 1)),
        ((200, {"status": "green", "number_of_nodes": 1}), Health("green", 1)),
        (says("red", joined=False), None),
        ((503, {"error": {"type": "master_not_discovered_exception"}}), None),
        ((200, b"<html>"), None),
        ((200, b""), None),
    ],
)
def test_a_member_is_healthy_once_it_says_so(
    answer: tuple[int, object], health: Health | None, tmp_path: Path, process: Process
) -> None:
    with answering(answer) as port:
        assert ask_health(a_node(tmp_path, process, port).members[0]) == health


def test_where_nobody_listens_nobody_is_healthy(tmp_path: Path, process: Process) -> None:
    assert ask_health(a_node(tmp_path, process, free_port()).members[0]) is None


def test_shards_that_are_being_recovered_are_waited_for_however_long_the_server_took_to_answer(
    tmp_path: Path, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def sleep(_: float) -> None:
        nonlocal now
        now += 2.0

    # No stall of the machine counts.
    monkeypatch.setattr(node_health, "time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    told: list[str] = []
    slow = [(503, {"error": "starting"})] * 50
    with answering(*slow, says("red"), says("red"), says("yellow")) as port:
        await_up(a_node(tmp_path, process, port), 300, told.append)
    assert now > 2 * 50
    assert told
    assert all(text.startswith("Waiting for http://127.0.0.1:") for text in told)


def test_an_index_that_stays_red_is_told_and_does_not_stop_the_node(
    tmp_path: Path, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_health, "_RED_SECONDS", 0.1)
    told: list[str] = []
    with answering(says("red")) as port:
        await_up(a_node(tmp_path, process, port), 30, told.append)
    assert "an index in it is red" in told[-1]


def test_all_members_must_see_all_members(tmp_path: Path, process: Process) -> None:
    alone = says("green", 1)
    with answering(says("green", 2)) as first, answering(alone) as second, pytest.raises(NodeError, match="after 0 s"):
        await_up(a_node(tmp_path, process, first, second), 0.3, lambda _text: None)
    with answering(says("green", 2)) as first, answering(alone, says("green", 2)) as second:
        await_up(a_node(tmp_path, process, first, second), 30, lambda _text: None)


def test_a_process_that_ended_is_not_waited_for(tmp_path: Path, process: Process) -> None:
    (tmp_path / "node.log").write_text("java.lang.IllegalStateException: no\n")
    end([process], 5)
    with pytest.raises(NodeError, match=r"ended while it started \(java\.lang\.IllegalStateException: no\): its log"):
        await_up(a_node(tmp_path, process, free_port()), 30, lambda _text: None)
