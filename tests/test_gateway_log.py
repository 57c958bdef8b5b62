"""A gateway whose standard error takes nothing answers all the same."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest
from csplade.integration.ports import free_port
from csplade.tests.gateway_process import ask
from csplade.tests.raw_upstream import raw_upstream

_SECONDS = 120
_METRICS = b"GET /_csplade/metrics HTTP/1.1\r\nhost: x\r\n\r\n"


@contextmanager
def gateway(url: str, redirected: str) -> Iterator[int]:
    """Run a gateway by a line of the shell that ends so, and give its port when it answers."""
    port = free_port()
    command = [sys.executable, "-m", "csplade.cli", "serve", "--url", url, "--port", str(port)]
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$@" {redirected}', "sh", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        # Its greeting, if there is one, after which there is nobody who would read more.
        process.stderr.readline()
        process.stderr.close()
        await_answer(process, port)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(_SECONDS) == 0


def await_answer(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        assert process.poll() is None and time.monotonic() < deadline
        try:
            ask(port, _METRICS)
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return


@pytest.mark.parametrize(("redirected", "missed"), [("", 5), ("2>&-", 0)])
def test_a_log_that_cannot_be_written_costs_no_connection(redirected: str, missed: int) -> None:
    with raw_upstream() as upstream, gateway(upstream.url, redirected) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
        for _ in range(5):
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"{}")
        connection.close()
        counts = ask(port, _METRICS).body.decode().splitlines()
    assert f"csplade_gateway_missed_log_lines_total {missed}" in counts
    assert 'csplade_gateway_requests_total{status="2xx"} 5' in counts
