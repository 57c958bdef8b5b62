"""A real gateway in a process of its own, as `csplade serve` starts it, and callers that say every byte themselves."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

_GREETING = re.compile(r"The gateway answers at (https?)://[^ ]*:(\d+) ")
# Other programs may keep the machine busy.
_PATIENCE_SECONDS = 120.0


@dataclass
class Gateway:
    """A gateway that runs."""

    process: subprocess.Popen[bytes]
    port: int
    errors: Path
    """What it writes on standard error."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> list[dict[str, object]]:
        """Return the lines of the requests so far."""
        lines = self.errors.read_bytes().splitlines()
        return [orjson.loads(line) for line in lines if line.startswith(b"{")]

    def logged(self, opaque_id: str) -> dict[str, object]:
        """Return the line of the request with this X-Opaque-Id; it is written after the answer."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for line in self.log():
                if line["opaque_id"] == opaque_id and "status" in line:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"there is no line of {opaque_id}: {self.log()[-5:]}")

    def counts(self) -> dict[str, float]:
        """Return the series of its metrics, without what all names begin with."""
        text = ask(self.port, b"GET /_csplade/metrics HTTP/1.1\r\nhost: x\r\n\r\n").body.decode()
        pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name.removeprefix("csplade_gateway_"): float(value) for name, _, value in pairs}


@contextmanager
def serving(url: str, *options: str, module: str = "csplade.cli") -> Iterator[Gateway]:
    """Run a gateway in front of `url` on a free port; `module` is the program."""
    with started([sys.executable, "-m", module, "serve", "--url", url, "--port", "0", *options], {}) as gateway:
        yield gateway


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Gateway]:
    """Run a command that ends up as a gateway, with a few variables more."""
    with TemporaryDirectory() as folder:
        errors = Path(folder) / "errors"
        with errors.open("wb") as file:
            process = subprocess.Popen(command, stderr=file, env={**os.environ, "PYTHONUNBUFFERED": "1", **environment})
        try:
            yield Gateway(process, _await_port(process, errors), errors)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE_SECONDS)


def _await_port(process: subprocess.Popen[bytes], errors: Path) -> int:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if found := _GREETING.search(errors.read_text()):
            return int(found[2])
        time.sleep(0.05)
    raise AssertionError(f"the gateway did not start: {errors.read_text()}")


@dataclass
class Answer:
    """An answer as it came over the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    whole: bool = True
    """Whether it ended as its head promised."""
    interim: list[int] = field(default_factory=list)
    """Statuses that came before."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def refused(self) -> str | None:
        """The reason for which the gateway answered itself."""
        return self.header("x-csplade-refused")


def ask(port: int, raw: bytes, method: str = "GET") -> Answer:
    """Send bytes on a connection of their own and return the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS) as connection:
        try:
            connection.sendall(raw)
        except OSError:
            # Refused before it was read; the answer says why.
            return read_answer(Reader(connection), method)
        return read_answer(Reader(connection), method)


class Reader:
    """Reads lines and bytes of a connection; several answers may follow each other."""

    def __init__(self, connection: socket.socket) -> None:
        self.file = connection.makefile("rb")

    def line(self) -> bytes:
        return self.file.readline().rstrip(b"\r\n")


def read_answer(reader: Reader, method: str = "GET") -> Answer:
    """Read the next answer; its body is what was sent, without chunks but still compressed."""
    interim: list[int] = []
    while True:
        start = reader.line()
        if not start:
            return Answer(0, [], b"", whole=False, interim=interim)
        status = int(start.split(b" ")[1])
        headers = []
        while line := reader.line():
            name, _, value = line.partition(b":")
            headers.append((name.decode("latin-1").lower(), value.strip().decode("latin-1")))
        if status >= 200:
            break
        interim.append(status)
    answer = Answer(status, headers, b"", interim=interim)
    if method != "HEAD" and status not in (204, 304):
        answer.body, answer.whole = _body(reader, answer)
    return answer


def _body(reader: Reader, answer: Answer) -> tuple[bytes, bool]:
    if answer.header("transfer-encoding") != "chunked":
        length = answer.header("content-length")
        body = reader.file.read() if length is None else reader.file.read(int(length))
        return body, length is None or len(body) == int(length)
    body = b""
    while size := reader.line():
        if not int(size, 16):
            return body, reader.line() == b""
        body += reader.file.read(int(size, 16))
        reader.line()
    return body, False
