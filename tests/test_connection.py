"""Where commands go without --url: to the one node that runs here; and whose credentials they take along."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.integration.client import LOCAL_URL, address
from csplade.integration.errors import NodeError
from csplade.integration.node_notes import Member, Node, write_note
from csplade.integration.processes import Process, end, spawn
from csplade.integration.profiles import settle
from csplade.integration.settings import Settings
from csplade.pipelines.errors import UsageError


@pytest.fixture
def notes(reachable_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty folder of notes about local nodes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(reachable_path))
    folder = reachable_path / "csplade" / "running"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def alive(tmp_path: Path) -> Iterator[Process]:
    """Give a process that runs."""
    program = tmp_path / "sleep"
    program.write_text("#!/bin/sh\nexec sleep 300\n")
    program.chmod(0o755)
    process = spawn(program, tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path / "log", None)
    yield process
    end([process], 10)


def note(folder: Path, port: int, *processes: Process) -> None:
    members = [Member(f"n{at}", port + at, folder, process) for at, process in enumerate(processes)]
    write_note(folder, Node("opensearch", "3.8.0", folder, tuple(members)))


def asked(url: str | None = None) -> str:
    """Return the address that a command asks which is given `url`."""
    return address(open_cluster(Connection(settle(Settings(url), None, os.environ))))


DEAD = Process(2**22 + 1, "never")


def test_the_only_node_that_runs_is_asked_whatever_its_port(notes: Path, alive: Process) -> None:
    assert asked() == LOCAL_URL
    note(notes, 9200, DEAD)
    note(notes, 9277, alive, alive)
    assert asked() == "http://127.0.0.1:9277"
    assert asked("https://search.example") == "https://search.example:443"


def test_of_none_or_several_nodes_the_usual_port_is_asked_and_several_are_told(
    notes: Path, alive: Process, capsys: pytest.CaptureFixture[str]
) -> None:
    note(notes, 9277, alive, DEAD)
    assert asked() == LOCAL_URL
    assert capsys.readouterr().err == ""
    note(notes, 9278, alive)
    note(notes, 9279, alive)
    with pytest.raises(UsageError, match=r"nodes run \(http://127.0.0.1:9278, http://127.0.0.1:9279\): name one"):
        asked()
    note(notes, 9200, alive)
    assert asked() == LOCAL_URL
    assert capsys.readouterr().err.startswith("3 local nodes run (http://127.0.0.1:9200, ")


def test_a_damaged_note_is_told_only_to_those_who_need_it(notes: Path) -> None:
    (notes / "9200.json").write_text("{")
    with pytest.raises(NodeError, match="is no note of a node"):
        asked()
    assert asked("http://127.0.0.1:9") == "http://127.0.0.1:9"


def test_looking_for_the_node_loads_nothing_that_starts_one(notes: Path) -> None:
    program = (
        "import sys\nfrom csplade.commands.connection import Connection, open_cluster\n"
        "from csplade.integration.settings import Settings\nopen_cluster(Connection(Settings()))\n"
        "print(*sorted(name for name in sys.modules if name.startswith('csplade.integration.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.rpartition(".")[2] for name in done.stdout.split()}
    assert "node_notes" in loaded
    assert loaded.isdisjoint({"node", "node_launch", "node_health", "install", "fetch", "java"})


def test_the_environment_gives_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSPLADE_PASSWORD", "geheim")
    for user in (None, ""):
        if user is not None:
            monkeypatch.setenv("CSPLADE_USER", user)
        with pytest.raises(UsageError, match="set CSPLADE_USER beside CSPLADE_PASSWORD"):
            asked("https://search.example")
    monkeypatch.setenv("CSPLADE_USER", "user")
    # With them, an address without a scheme means TLS.
    assert asked("search.example") == "https://search.example:443"


def test_the_help_teaches_no_password_in_a_command_line() -> None:
    @cluster_options
    def command() -> None: ...

    (url,) = [option for option in click.command()(command).params if option.name == "url"]
    assert isinstance(url, click.Option)
    assert "CSPLADE_USER and CSPLADE_PASSWORD" in str(url.help)
    assert "@" not in str(url.help)
