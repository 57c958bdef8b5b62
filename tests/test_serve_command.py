"""`csplade serve` as a person calls it: what it refuses before anything listens."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from csplade.tests.command_run import Run, runner
from csplade.tests.gateway_process import ask, serving
from csplade.tests.gateway_searches import request, rules


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    yield runner(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--tls-key", "k.pem"), "without a certificate"),
        (("--tls-cert", "none.pem"), "cannot be used as certificate and key"),
        (("--url", "http://u:secret@127.0.0.1:9"), "names a user"),
        (("--max-body", "0"), "limit body is 0"),
        (("--max-body", "inf"), "--max-body is inf"),
        (("--max-head", "nan"), "--max-head is nan"),
        (("--timeout", "-1"), "limit whole seconds is -1"),
        (("--timeout", "nan"), "limit whole seconds is nan"),
        (("--aws-service", "es"), "signs requests for AWS only with --sign"),
        (("--sign",), "name it with --aws-service"),
        (("--host", "no.such.name.invalid"), "cannot be listened on"),
        (("--url", "https://127.0.0.1:9", "--ca-certs", "none.pem"), "no file of certificate authorities"),
    ],
)
def test_what_cannot_work_is_refused_at_once(run: Run, options: tuple[str, ...], told: str) -> None:
    done = run("serve", "--url", "http://127.0.0.1:9", "--port", "0", *options)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert "secret" not in done.err


def test_a_port_that_is_taken_is_named(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--url", "http://127.0.0.1:9", "--port", port)
    assert done.code == 2
    assert str(port) in done.err


def test_a_certificate_that_is_none_is_named(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    done = run("serve", "--url", "http://127.0.0.1:9", "--port", "0", "--tls-cert", bad)
    assert done.code == 2
    assert "bad.pem" in done.err


def test_the_rules_are_read_once_so_that_they_may_come_through_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "rewrite.json"
    os.mkfifo(pipe)
    config = orjson.dumps({"index": [rules("articles")]})
    writer = threading.Thread(target=pipe.write_bytes, args=(config,), daemon=True)
    writer.start()
    options = ("--config", str(pipe), "--dialect", "opensearch")
    with serving("http://127.0.0.1:9", *options, module="csplade.tests.gateway_words") as gateway:
        assert ask(gateway.port, request("GET", "/_csplade/live", None, {})).status == 200
