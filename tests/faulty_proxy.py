"""A small HTTP proxy in front of a real server that breaks what it is told to break, then lets everything through."""

import http.client
import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

DROP = 0
"""Instead of a status: close the connection without an answer."""
HALF = -1
"""Instead of a status: let the cluster do it, and cut the connection in the middle of its answer."""
SLOW = -2
"""Instead of a status: let the cluster do it, and take `slow_seconds` for the answer."""


class FaultyProxy(ThreadingHTTPServer):
    """Answers bulk requests with `faults`, one after the other (None: lets one through).

    `refused`: ids that get statuses of their own, one each time.
    `largest`: bulk requests of more bytes are answered with 413, as a proxy with a body limit does.
    `unserved`: what this matches in `GET /articles/_mapping` is answered with 404 and nothing else.
    `unknown`: what holds this in its path is answered as by a cluster that does not know the path.
    `troubles`: faults of requests whose method and path, `GET /articles/_mapping`, hold a text, as for bulk requests.
    `locked`: the status of every answer, whatever is asked.
    `slow_seconds`: how long a slow answer takes.
    `most_at_once`: how many bulk requests it held at one moment, at most.
    """

    daemon_threads = True

    def __init__(
        self, target: str, faults: Sequence[int | None] = (), largest: int | None = None, slow_seconds: float = 1.0
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(target)
        self.target = (parts.hostname or "", parts.port or 80)
        self.faults = list(faults)
        self.troubles: dict[str, list[int | None]] = {}
        self.largest, self.slow_seconds = largest, slow_seconds
        self.locked: int | None = None
        self.unknown: str | None = None
        self.unserved: re.Pattern[str] | None = None
        self.refused: dict[str, list[int]] = {}
        self.bulks = 0
        self.most_at_once = 0
        self._held = 0
        self._counting = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def holding_bulk(self) -> Iterator[None]:
        """Count a bulk request for as long as it is not answered."""
        with self._counting:
            self.bulks += 1
            self._held += 1
            self.most_at_once = max(self.most_at_once, self._held)
        try:
            yield
        finally:
            with self._counting:
                self._held -= 1


@contextmanager
def running(proxy: FaultyProxy) -> Iterator[FaultyProxy]:
    """Run the proxy in a thread."""
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FaultyProxy
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.server.locked is not None:
            self._answer(self.server.locked, b"{}")
            return
        if self.server.unserved is not None and self.server.unserved.search(f"{self.command} {self.path}"):
            self._answer(404, b"")
            return
        if self.server.unknown is not None and self.server.unknown in self.path:
            self._answer(400, b'{"error": {"type": "illegal_argument_exception", "reason": "no handler found"}}')
            return
        if "/_bulk" not in self.path:
            asked = f"{self.command} {self.path}"
            waiting = [faults for part, faults in self.server.troubles.items() if part in asked and faults]
            self._break(waiting[0].pop(0) if waiting else None, body)
            return
        with self.server.holding_bulk():
            self._take_bulk(body)

    def _break(self, fault: int | None, body: bytes) -> None:
        """Do to a request that is no bulk request what is its turn."""
        if fault == DROP:
            self.close_connection = True
        elif fault == HALF:
            self.close_connection = True
            self._half(*self._forward(body))
        elif fault is None or fault == SLOW:
            answer = self._forward(body)
            time.sleep(self.server.slow_seconds if fault else 0.0)
            self._answer(*answer)
        else:
            self._answer(fault, b'{"error": {"type": "injected", "reason": "by the proxy"}}')

    def _take_bulk(self, body: bytes) -> None:
        """Do to a bulk request what is its turn."""
        fault = self.server.faults.pop(0) if self.server.faults else None
        if self.server.largest is not None and len(body) > self.server.largest:
            fault = 413
        if fault == DROP:
            self.close_connection = True
        elif fault == HALF:
            self.close_connection = True
            self._half(*self._forward(body))
        elif fault == SLOW:
            time.sleep(self.server.slow_seconds)
            self._bulk(body)
        elif fault is not None:
            self._answer(fault, b'{"error": {"type": "injected", "reason": "by the proxy"}}')
        else:
            self._bulk(body)

    def _bulk(self, body: bytes) -> None:
        """Forward what is not refused, and put the refusals into the answer where they belong."""
        lines = body.splitlines(keepends=True)
        answers: list[Any] = []
        passed: list[bytes] = []
        for action, source in zip(lines[::2], lines[1::2], strict=True):
            ((kind, place),) = json.loads(action).items()
            statuses = self.server.refused.get(place["_id"], [])
            answers.append(_refusal(kind, statuses.pop(0)) if statuses else None)
            passed += [] if answers[-1] else [action, source]
        status, real = self._forward(b"".join(passed)) if passed else (200, b'{"items": []}')
        accepted = iter(json.loads(real)["items"])
        items = [answer or next(accepted) for answer in answers]
        self._answer(status, json.dumps({"items": items}).encode())

    def _forward(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(*self.server.target, timeout=60)
        try:
            headers = {"content-type": self.headers.get("content-type") or "application/json"}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _half(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve


def _refusal(kind: str, status: int) -> dict[str, object]:
    return {kind: {"status": status, "error": {"type": "rejected_execution_exception", "reason": "queue is full"}}}
