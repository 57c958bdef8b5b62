"""A server that is no search cluster: gives one answer to everything and keeps what it was sent."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """What arrived, as it stood in the request."""

    method: str
    target: str
    headers: Message
    body: bytes


class Server(ThreadingHTTPServer):
    """Gives the answer; with a context it speaks TLS."""

    daemon_threads = True

    def __init__(
        self,
        status: int,
        body: bytes,
        kind: str = "application/json",
        context: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.status, self.body, self.kind = status, body, kind
        self.requests: list[Request] = []
        self.context = context
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def address_after_scheme(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://{self.address_after_scheme}"

    @property
    def authorization(self) -> str | None:
        """Return who asked last."""
        return self.requests[-1].headers.get("authorization")

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet about a client that does not like our certificate."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append(Request(self.command, self.path, self.headers, body))
        self.send_response(self.server.status)
        self.send_header("content-type", self.server.kind)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.server.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@contextmanager
def running(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
