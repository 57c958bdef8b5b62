"""`csplade node`: exit codes, what is printed where, and Ctrl-C; with a real OpenSearch 2.19."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
from csplade.integration.node import find, stop
from csplade.integration.ports import free_port
from csplade.integration.processes import is_alive
from csplade.tests.command_run import Run, runner
from csplade.tests.local_node import exact_scores, scores


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture
def own_cache(reachable_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what runs on this machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(reachable_path))


@pytest.mark.cluster
def test_a_node_is_started_looked_at_and_stopped(
    run: Run, reachable_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ("node", "start", "--version", "2.19", "--port", port, "--heap", "512m", "--data", reachable_path)
    try:
        started = run(*arguments)
        assert (started.code, started.out) == (0, f"{url}\n")
        assert "Starting OpenSearch 2.19.0 on Java" in started.err
        assert scores(url, "weights") == exact_scores()

        again = run(*arguments)
        assert (again.code, again.out) == (0, f"{url}\n")
        assert f"OpenSearch 2.19.0 already runs on port {port}" in again.err

        other = run("node", "start", "--version", "7.17", "--port", port)
        assert (other.code, other.out) == (1, "")
        assert other.err.startswith(
            f"Error: OpenSearch 2.19.0 with data in {reachable_path} already runs on port {port}"
        )

        check_status(run, url, reachable_path, monkeypatch)
        check_logs(run, port)

        stopped = run("node", "stop", "--port", port)
        assert (stopped.code, stopped.out, stopped.err) == (0, "", f"Stopped the node on port {port}.\n")
    finally:
        stop(port)
    stopped = run("node", "stop", "--port", port)
    assert (stopped.code, stopped.out, stopped.err) == (0, "", f"No node ran on port {port}.\n")
    assert url not in run("node", "status").out


def check_status(run: Run, url: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_json = run("node", "status", "--json")
    assert as_json.code == 0
    (found,) = [one for one in orjson.loads(as_json.out) if one["url"] == url]
    pid = found.pop("pid")
    assert (Path("/proc") / str(pid)).is_dir()
    assert found.pop("health") in ("green", "yellow")
    assert found == {
        "url": url,
        "flavor": "opensearch",
        "version": "2.19.0",
        "member": "n1",
        "state": "running",
        "data": str(data / "n1"),
        "log": str(data / "n1" / "node.log"),
    }
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("node", "status").out.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith(f"{url}: ")]
    first, *folders = lines[at : at + 3]
    assert re.fullmatch(rf"{url}: opensearch 2\.19\.0, n1, running, (green|yellow), pid {pid}", first)
    # Whole, so that they can be copied, however narrow the terminal is.
    assert folders == [f"  data  {data / 'n1'}", f"  log   {data / 'n1' / 'node.log'}"]


def check_logs(run: Run, port: int) -> None:
    logs = run("node", "logs", "--port", port, "--lines", 10_000)
    assert logs.code == 0
    assert "started" in logs.out
    short = run("node", "logs", "--port", port, "--lines", 3)
    assert logs.out.endswith(short.out)
    assert short.out.count("\n") == 3
    missing = run("node", "logs", "--port", port, "--member", 2)
    assert (missing.code, missing.out) == (2, "")
    assert f"the node on port {port} has 1 member, not 2" in missing.err


@pytest.mark.cluster
def test_ctrl_c_while_it_starts_leaves_no_process(reachable_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "csplade.cli", "node", "start", "--version", "7.17"]
    arguments = ["--port", str(port), "--data", str(reachable_path)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        deadline = time.monotonic() + 120
        while (node := find(port)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert all(map(is_alive, node.processes))
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=60)
    assert (program.returncode, out) == (1, "")
    assert "Traceback" not in err
    assert not any(map(is_alive, node.processes))
    assert find(port) is None


@pytest.mark.usefixtures("own_cache")
def test_where_nothing_runs_every_command_says_so(run: Run) -> None:
    status = run("node", "status")
    assert (status.code, status.out) == (0, "")
    assert "No node runs: start one with `csplade node start`" in status.err
    assert run("node", "status", "--json").out == "[]\n"
    assert run("node", "stop") == (0, "", "No node ran on port 9200.\n")
    assert run("node", "stop", "--all") == (0, "", "No node ran.\n")
    logs = run("node", "logs")
    assert (logs.code, logs.out) == (1, "")
    assert logs.err.startswith("Error: no node was started on port 9200: ")


@pytest.mark.usefixtures("own_cache")
def test_a_server_that_cannot_be_fetched_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    result = run("node", "start", "--port", free_port())
    assert (result.code, result.out) == (1, "")
    (error,) = [line for line in result.err.splitlines() if line.startswith("Error: ")]
    assert "opensearch 3.8.0 cannot be downloaded" in error
    assert "docker run" in error


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version", "5"),
        ("--flavor", "opensearch", "--version", "9.2"),
        ("--flavor", "solr"),
        ("--heap", "5"),
        ("--heap", "100m"),
        ("--port", "0"),
        ("--nodes", "0"),
        ("--timeout", "0"),
    ],
)
def test_wrong_usage_has_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("node", "start", *arguments)
    assert (result.code, result.out) == (2, "")
    assert "Error: " in result.err


def test_every_command_shows_an_example(run: Run) -> None:
    for command in ("", "start", "stop", "status", "logs"):
        result = run("node", *filter(None, [command]), "--help")
        assert result.code == 0
        assert "Example:\n" in result.out
        assert f"csplade node {command}".strip() in result.out


def test_help_loads_neither_java_nor_a_client() -> None:
    code = "import sys; from csplade.commands.node import command; print('opensearchpy' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert answer.stdout == "False\n"
