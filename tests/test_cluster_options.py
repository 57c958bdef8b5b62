"""The options of a connection: every command that talks to a cluster has the same, and no secret is among them."""

import importlib
import os
import pty
import ssl
import subprocess
import sys
from pathlib import Path

import click
import pytest
from csplade.cli import COMMANDS
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.integration.settings import NAMES, Settings
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.one_answer import Server, running
from csplade.tests.tls_files import make_tls_files, needs_openssl

SECRETS = {"password", "api_key", "bearer_token", "client_key_password"}


def options_of(command: click.Command) -> dict[str | None, click.Option]:
    return {option.name: option for option in command.params if isinstance(option, click.Option)}


@pytest.fixture
def shared() -> dict[str | None, click.Option]:
    """Return what the decorator adds."""

    @click.command
    @cluster_options
    def command(connection: Connection) -> None: ...

    return options_of(command)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    return runner(monkeypatch, capsys)


def test_every_command_that_knows_clusters_takes_all_of_them(shared: dict[str | None, click.Option]) -> None:
    found = {}
    for name in COMMANDS:
        options = options_of(importlib.import_module(f"csplade.commands.{name}").command)
        if "url" in options or "profile" in options:
            found[name] = options
    assert {"demo", "ingest", "query", "evaluate", "mine"} <= set(found)
    for name, options in found.items():
        assert {option: options[option].help for option in shared} == {o: shared[o].help for o in shared}, name


def test_no_option_takes_a_secret(shared: dict[str | None, click.Option]) -> None:
    assert set(shared).isdisjoint(SECRETS)
    assert set(shared) - {"profile", "insecure"} <= set(NAMES)


def test_options_come_before_the_environment_and_that_before_the_profile(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    with running(Server(403, b"{}")) as server:
        config.write_text(f'[profiles.default]\nurl = "{server.url}"\nuser = "profile"\npassword = "p"\n')
        config.chmod(0o600)
        monkeypatch.setenv("CSPLADE_CONFIG", str(config))

        def asker(*options: str) -> str | None:
            assert run("query", "bread", "--index", "a", *options).code == 1
            return server.authorization

        assert asker() == "Basic cHJvZmlsZTpw"  # profile:p
        assert asker("--user", "option") == "Basic b3B0aW9uOg=="  # option:
        monkeypatch.setenv("CSPLADE_USER", "env")
        monkeypatch.setenv("CSPLADE_PASSWORD", "e")
        assert asker() == "Basic ZW52OmU="  # env:e
        monkeypatch.setenv("CSPLADE_API_KEY", "k")
        monkeypatch.delenv("CSPLADE_USER")
        monkeypatch.delenv("CSPLADE_PASSWORD")
        assert asker("--profile", "default") == "ApiKey k"
        monkeypatch.delenv("CSPLADE_API_KEY")
        assert asker("--url", server.url) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--profile", "none"), "there is no profile 'none'"),
        (("--client-key", "k.pem", "--url", "https://h"), "without a certificate"),
        (("--ca-certs", "missing.pem", "--url", "https://h"), "correct --ca-certs"),
        (("--aws-service", "s3"), "'s3' is not one of"),
        (("--url", "ftp://h"), "is not the address of a cluster"),
    ],
)
def test_wrong_options_are_wrong_usage(run: Run, options: tuple[str, ...], said: str) -> None:
    result = run("query", "bread", "--index", "a", *options)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


@needs_openssl
def test_insecure_is_told_once_and_only_by_us(tmp_path: Path) -> None:
    files = make_tls_files(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server, files.server_key)
    program = [sys.executable, "-c", "from csplade.cli import main; main()", "query", "x", "--index", "a"]
    with running(Server(403, b"{}", context=context)) as server:
        arguments = ["--mode", "bm25", "--url", server.url]
        refused = subprocess.run([*program, *arguments], capture_output=True, text=True)
        assert "no trusted connection" in refused.stderr
        assert server.requests == []
        asked = subprocess.run([*program, *arguments, "--insecure"], capture_output=True, text=True)
    warning, error = asked.stderr.splitlines()
    assert warning.startswith("Certificates are not verified")
    assert "does not let this user" in error


PROGRAM = """
import os
from csplade.commands.connection import Connection, open_cluster
from csplade.integration.profiles import settle
from csplade.integration.settings import Settings
open_cluster(Connection(settle(Settings({url!r}, "reader"), None, os.environ))).info()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_a_password_that_is_nowhere_is_asked_for_at_the_terminal_and_not_echoed() -> None:
    with running(Server(200, b"{}")) as server:
        terminal, other = pty.openpty()
        program = [sys.executable, "-c", PROGRAM.format(url=server.url)]
        child = subprocess.Popen(program, stdin=other, stdout=other, stderr=other, start_new_session=True)
        os.close(other)
        shown = b""
        while b"Password of reader: " not in shown:
            shown += os.read(terminal, 1024)
        os.write(terminal, b"geheim\n")
        assert child.wait(60) == 0
        shown += os.read(terminal, 1024)
        os.close(terminal)
        assert server.authorization == "Basic cmVhZGVyOmdlaGVpbQ=="
        assert b"geheim" not in shown


def test_without_a_terminal_nobody_is_asked() -> None:
    with running(Server(200, b"{}")) as server:
        open_cluster(Connection(Settings(server.url, "reader"))).info()
        assert server.authorization == "Basic cmVhZGVyOg=="
