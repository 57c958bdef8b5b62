"""A server that speaks for the cluster where a real one cannot be made to: it hangs, breaks off, or says nonsense.

What it does stands in the path of a request. And a relay, which can vanish, to a real cluster, which should not.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import TypeVar

_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
_ANSWERS = {
    b"/half": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly so much",
    b"/half-chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"/large": b"HTTP/1.1 200 OK\r\ncontent-length: 8000000\r\n\r\n" + bytes(8_000_000),
    b"/nothing": b"",
    b"/nonsense": b"220 mail.example ESMTP\r\n\r\n",
    b"/two-lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
    b"/split": b"HTTP/1.1 200 OK\r\nx-a: b\nset-cookie: c\r\ncontent-length: 0\r\n\r\n",
    b"/hops": b"HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Kept: a\r\n"
    b"X-Kept: b\r\nSet-Cookie: one=1\r\nSet-Cookie: two=2\r\ncontent-length: 0\r\n\r\n",
}


_Server = TypeVar("_Server", bound="Listening")


class Listening:
    """Takes connections on a free port, each in a thread of its own."""

    def __init__(self, backlog: int | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def close(self) -> None:
        # Closing alone does not wake who waits in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        raise NotImplementedError


class RawUpstream(Listening):
    """Answers as a request's path says; each request's bytes are kept in `seen`."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []
        self.left = threading.Event()
        """Set when a caller leaves while it waits for the answer to /hang."""

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            self.seen.append(data)
            path = data.split(b" ", 2)[1]
            if path == b"/hang":
                connection.settimeout(60)
                if not connection.recv(1):
                    self.left.set()
                return
            if path.startswith(b"/slow"):
                time.sleep(0.7)
            connection.sendall(_ANSWERS.get(path, _OK))


@contextmanager
def listening(server: _Server) -> Iterator[_Server]:
    """Run a server in threads."""
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


def raw_upstream() -> AbstractContextManager[RawUpstream]:
    """Run one in threads."""
    return listening(RawUpstream())


class Relay:
    """Passes bytes on to a real server, vanishes as one that is killed, and comes back on the same port."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)

    def vanish(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()
        self._open, self._threads = [], []

    def come_back(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start(self._accept)

    def _start(self, task: Callable[[], None]) -> None:
        thread = threading.Thread(target=task, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [caller, server]
                self._start(partial(_carry, caller, server))


def _carry(caller: socket.socket, server: socket.socket) -> None:
    with caller, server:
        back = threading.Thread(target=_pump, args=(server, caller), daemon=True)
        back.start()
        _pump(caller, server)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
