"""The program as a whole: its help, its exit codes, and how it ends when something outside stops it."""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import click
import pytest
from csplade import __version__
from csplade.cli import COMMANDS, LazyGroup, program
from csplade.pipelines.errors import CspladeError, EncoderError, SourceError, UsageError
from csplade.tests.command_run import Run, runner

CHECKOUT = Path(__file__).resolve().parent.parent
NOWHERE = "http://127.0.0.1:9"
WORD = ["query", "bread", "--index", "articles", "--mode", "bm25"]
PROGRAM = [sys.executable, "-c", "from csplade.cli import main; main()"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


def loaded(name: str) -> click.Command:
    assert isinstance(program, LazyGroup)
    command = program.get_command(click.Context(program), name)
    assert command is not None
    return command


def with_subcommands(name: str) -> list[tuple[str, ...]]:
    command = loaded(name)
    below = command.commands if isinstance(command, click.Group) else {}
    return [(name,), *((name, inner) for inner in below)]


def test_help_lists_every_command_with_its_summary(run: Run) -> None:
    result = run("--help")
    assert (result.code, result.err) == (0, "")
    listed = result.out.partition("Commands:")[2]
    for name, summary in COMMANDS.items():
        assert f"\n  {name} " in listed
        assert summary in " ".join(listed.split())
    assert run("-h") == result


def test_every_command_has_a_module_and_every_module_with_a_command_is_listed() -> None:
    modules = [path.stem for path in (CHECKOUT / "commands").glob("*.py") if path.stem != "__init__"]
    with_command = {name for name in modules if hasattr(import_module(f"csplade.commands.{name}"), "command")}
    assert with_command == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself_with_an_example(run: Run, name: str) -> None:
    command = loaded(name)
    assert command.name == name
    for words in with_subcommands(name):
        result = run(*words, "--help")
        assert (result.code, result.err) == (0, "")
        assert "\n  Example:\n" in result.out
        assert f"    csplade {' '.join(words)}" in result.out.partition("Example:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help_text_and_json_means_the_same_everywhere(name: str) -> None:
    command = loaded(name)
    below = list(command.commands.values()) if isinstance(command, click.Group) else []
    for option in [option for each in (command, *below) for option in each.params if isinstance(option, click.Option)]:
        assert option.help, option.name
        if option.name == "as_json":
            assert (option.opts, option.is_flag) == (["--json"], True)


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version") == (0, f"csplade, version {__version__}\n", "")


def test_without_a_command_the_help_is_shown_as_wrong_usage(run: Run) -> None:
    result = run()
    assert (result.code, result.out) == (2, "")
    assert "Commands:" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'."),
        (["--nonsense"], "No such option"),
        (["query"], "Missing argument 'TEXT'."),
        (["query", "bread"], "Missing option '--index'."),
        (["query", "bread", "--index", "articles", "--size", "0"], "--size"),
        (["query", "bread", "--index", "articles", "--mode", "dense"], "'dense' is not one of"),
        (["query", "bread", "--index", "articles", "--nonsense"], "No such option"),
        (["query", "bread", "more", "--index", "articles"], "unexpected extra argument"),
        (["evaluate", "--index", "articles"], "Missing option '--collection'."),
        (["ingest", "--index", "articles"], "Missing argument 'SOURCE'."),
    ],
)
def test_wrong_usage_has_exit_code_2_and_says_what_is_wrong(run: Run, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage: csplade")
    (last,) = [line for line in result.err.splitlines() if line.startswith("Error: ")]
    assert said in last


def test_an_error_of_ours_is_one_sentence_on_stderr_and_exit_code_1(run: Run) -> None:
    result = run(*WORD, "--url", NOWHERE)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: no cluster answers at http://127.0.0.1:9 (Connection refused): "
        "start one with `csplade node start`, or give --url\n"
    )


@pytest.mark.parametrize(("error", "code"), [(CspladeError, 1), (SourceError, 1), (EncoderError, 1), (UsageError, 2)])
def test_the_exit_code_is_that_of_the_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: type[CspladeError], code: int
) -> None:
    def fail(_connection: object) -> None:
        raise error("bread is stale: bake some")

    monkeypatch.setattr("csplade.commands.query.open_cluster", fail)
    assert run(*WORD) == (code, "", "Error: bread is stale: bake some\n")


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_command_may_end_with_an_exit_code_of_its_own(run: Run, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def leave(_connection: object) -> None:
        click.get_current_context().exit(code)

    monkeypatch.setattr("csplade.commands.query.open_cluster", leave)
    assert run(*WORD) == (code, "", "")


def test_a_mistake_of_ours_is_not_hidden_behind_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_connection: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("csplade.commands.query.open_cluster", fail)
    with pytest.raises(ZeroDivisionError):
        run(*WORD)


@contextmanager
def waiting(before: str = "") -> Iterator[subprocess.Popen[str]]:
    """Give a program that waits for the answer of a cluster; `before` is what the shell does first."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = by_shell(f'{before} exec "$@"', *WORD, "--url", url)
        silent.settimeout(30)
        connection, _ = silent.accept()
        with connection:
            connection.recv(1)
            yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_a_cluster_does_not_answer(number: signal.Signals) -> None:
    with waiting() as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.strip()) == (1, "", "Stopped.")


def test_whoever_starts_it_may_have_sigterm_ignored() -> None:
    with waiting("trap '' TERM;") as process:
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGINT)
        assert (process.wait(30), process.communicate()[1].strip()) == (1, "Stopped.")


def test_a_password_that_leaves_unencrypted_is_told_on_stderr() -> None:
    _, err = started(*WORD, "--url", "http://user:geheim@nothing.invalid").communicate(timeout=60)
    assert err.startswith("Credentials are sent unencrypted to nothing.invalid: write https://")
    assert "Error: no cluster answers at http://nothing.invalid:9200" in err
    assert "geheim" not in err


LONG = "x" * 300  # More than a file system takes for a name, which Path.exists and its like do not expect.


@pytest.mark.parametrize(
    "arguments",
    [
        ["ingest", LONG, "--index", "articles"],
        ["ingest", __file__, "--index", "articles", "--dead-letters", LONG],
        ["ingest", __file__, "--index", "articles", "--encoder", LONG],
        ["evaluate", "--index", "articles", "--collection", LONG],
        ["inspect", LONG],
        ["inspect", "--encoder", LONG],
        ["query", "bread", "--index", "articles", "--encoder", LONG, "--url", NOWHERE],
        [*WORD, "--url", "https://127.0.0.1:9", "--ca-certs", LONG],
    ],
)
def test_a_path_that_cannot_even_be_looked_at_is_one_sentence(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"Error: {LONG}")
    assert "cannot be used (File name too long): check the path" in result.err
    assert result.err.count("\n") == 1


full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to a full device")


@full_device
@pytest.mark.parametrize("arguments", [["--version"], ["inspect", "--json"]])
def test_a_full_disk_behind_the_output_is_one_sentence(arguments: list[str]) -> None:
    process = by_shell('exec "$@" >/dev/full', *arguments)
    _, err = process.communicate(timeout=30)
    assert err == (
        "Error: the output cannot be used (No space left on device): check the path, its permissions and its disk\n"
    )
    assert process.returncode == 1


@full_device
@pytest.mark.parametrize("where", ["2>/dev/full", ">/dev/full 2>&1"])
@pytest.mark.parametrize("arguments", [["--nonsense"], [*WORD, "--url", NOWHERE]])
def test_an_error_that_cannot_be_told_is_exit_code_1(where: str, arguments: list[str]) -> None:
    process = by_shell(f'exec "$@" {where}', *arguments)
    assert (process.communicate(timeout=30), process.returncode) == (("", ""), 1)


@pytest.mark.parametrize("arguments", [["--help"], ["query", "--help"], ["--version"], ["inspect", "--json"]])
def test_a_pipe_that_nobody_reads_any_more_is_no_traceback(arguments: list[str]) -> None:
    with unread() as writing:
        process = started(*arguments, stdout=writing)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (1, "")


@pytest.mark.parametrize("arguments", [["--nonsense"], [*WORD, "--url", NOWHERE]])
def test_an_error_that_nobody_reads_is_exit_code_1(arguments: list[str]) -> None:
    with unread() as writing:
        process = started(*arguments, stdout=writing, stderr=writing)
    assert process.wait(30) == 1


@pytest.mark.parametrize(
    ("closed", "arguments", "code", "said"),
    [
        (">&-", ["inspect"], 0, ""),
        (">&-", ["query", "--help"], 0, ""),
        ("2>&-", [*WORD, "--url", NOWHERE], 1, ""),
        ("<&- >&- 2>&-", [*WORD, "--url", NOWHERE], 1, ""),
        ("<&-", ["rewrite"], 1, "Error: standard input is not JSON"),
        ("<&-", ["ingest", "-", "--index", "articles", "--url", NOWHERE], 1, "Error: standard input is empty"),
        ("<&-", ["encode", "-"], 1, "Error: standard input is empty"),
    ],
)
def test_closed_standard_streams_are_empty(closed: str, arguments: list[str], code: int, said: str) -> None:
    process = by_shell(f'exec "$@" {closed}', *arguments)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert err.startswith(said) and err.count("\n") == bool(said)


@pytest.mark.parametrize("folder", [CHECKOUT, Path("/")])
def test_the_program_runs_from_a_checkout_as_well(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "cli.py"), "--help"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: cli.py [OPTIONS] COMMAND")
    assert "evaluate" in done.stdout


def test_the_installed_program_is_this_one() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "csplade"), "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"csplade, version {__version__}\n", "")


def test_help_comes_at_once() -> None:
    def processor_seconds() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    seconds = []
    for _ in range(5):  # Not by the clock and the best of some, as the machine may be busy.
        before = processor_seconds()
        started("--help").communicate(timeout=30)
        seconds.append(processor_seconds() - before)
    assert 0 < min(seconds) < 0.5


@contextmanager
def unread() -> Iterator[int]:
    """Give the end of a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def by_shell(line: str, *arguments: str) -> subprocess.Popen[str]:
    """Start the program by a line for the shell, in which it is "$@"."""
    return _popen(["sh", "-c", line, "sh", *PROGRAM, *arguments])


def started(*arguments: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return _popen([*PROGRAM, *arguments], stdout, stderr)


def _popen(command: list[str], stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=stdout, stderr=stderr, text=True)
