"""Processes: started apart from the terminal, known by number and birth, ended gently or not."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from csplade.integration.account import Account
from csplade.integration.errors import NodeError
from csplade.integration.processes import Process, end, is_alive, spawn

ENVIRON = {"PATH": os.environ["PATH"]}


def make_program(folder: Path, script: str) -> Path:
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def start(folder: Path, script: str, account: Account | None = None) -> Process:
    return spawn(make_program(folder, script), folder, ENVIRON, folder / "log", account)


def says(folder: Path, text: str) -> None:
    """Wait until the program has written a text."""
    deadline = time.monotonic() + 10
    while text not in (folder / "log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    process = start(tmp_path, "exec sleep 60")
    yield process
    end([process], 5)


def test_it_is_alive_until_it_is_ended_and_ending_it_twice_is_fine(sleeper: Process) -> None:
    assert is_alive(sleeper)
    end([sleeper], 5)
    assert not is_alive(sleeper)
    end([sleeper], 5)


def test_it_leads_a_session_of_its_own_so_that_a_closed_terminal_does_not_end_it(sleeper: Process) -> None:
    assert os.getsid(sleeper.pid) == sleeper.pid != os.getsid(0)


def test_it_has_the_given_environment_and_folder_and_its_words_are_in_the_log(tmp_path: Path) -> None:
    process = start(tmp_path, "env; pwd; echo wrong >&2")
    says(tmp_path, "wrong")
    log = (tmp_path / "log").read_text().splitlines()
    assert str(tmp_path) in log
    # A shell adds these.
    assert {line.partition("=")[0] for line in log if "=" in line} <= {"PATH", "PWD", "SHLVL", "_", "OLDPWD"}
    end([process], 5)


def test_one_that_ended_by_itself_is_not_alive(tmp_path: Path) -> None:
    process = start(tmp_path, "echo bye")
    says(tmp_path, "bye")
    deadline = time.monotonic() + 5
    while is_alive(process):
        assert time.monotonic() < deadline
    end([process], 5)


def test_one_that_does_not_listen_is_killed_with_those_below_it(tmp_path: Path) -> None:
    process = start(tmp_path, "trap '' TERM; sleep 60 & echo $!; wait; sleep 60")
    says(tmp_path, "\n")
    below = int((tmp_path / "log").read_text())
    end([process], 2)
    assert not is_alive(process)
    # As a zombie at most, until init takes it away.
    with suppress(FileNotFoundError, ProcessLookupError):
        assert not Path(f"/proc/{below}/cmdline").read_bytes()


def test_another_process_with_the_same_number_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        stale = Process(other.pid, "a hundred years ago")
        assert not is_alive(stale)
        end([stale], 0.1)
        assert other.poll() is None
        other.kill()


def test_a_number_that_nobody_has_is_not_alive() -> None:
    process = Process(2**22 + 1, "")
    assert not is_alive(process)
    end([process], 0.1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts processes of others")
def test_it_runs_as_the_account_with_none_of_the_callers_groups(reachable_path: Path) -> None:
    process = start(reachable_path, "id -u; id -g; id -G; echo done", Account(65534, 65533, "nobody"))
    says(reachable_path, "done")
    assert (reachable_path / "log").read_text().split() == ["65534", "65533", "65533", "done"]
    end([process], 5)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may stop everything")
def test_a_process_of_another_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csplade.integration.processes.is_alive", lambda _process: True)
    with pytest.raises(NodeError, match="the process 1 belongs to another user"):
        end([Process(1, "")], 0.1)


def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="program cannot be started"):
        spawn(tmp_path / "program", tmp_path, ENVIRON, tmp_path / "log", None)


def test_a_process_started_by_a_program_that_is_gone_is_ended_as_well(tmp_path: Path) -> None:
    program = make_program(tmp_path, "exec sleep 60")
    code = (
        "from pathlib import Path; from csplade.integration.processes import spawn\n"
        f"p = spawn(Path({str(program)!r}), Path('/'), {ENVIRON!r}, Path({str(tmp_path / 'log')!r}), None)\n"
        "print(p.pid, p.birth)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid, _, birth = answer.stdout.strip().partition(" ")
    process = Process(int(pid), birth)
    assert is_alive(process)
    end([process], 5)
    assert not is_alive(process)
