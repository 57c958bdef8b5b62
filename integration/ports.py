"""Ports of this machine's loopback address: which are free."""

import errno
import platform
import socket
from contextlib import ExitStack
from typing import Self

from csplade.integration.errors import NodeError

DEFAULT_PORT = 9200
"""Where a search server listens unless told otherwise."""

_LOOPBACK = "127.0.0.1"
# Elsewhere a port that is bound can be bound by nobody else, whether anything listens on it or not.
_KEEPS = platform.system() == "Linux"


class FreePorts:
    """A context manager that gives ports that nothing listens on, and on Linux keeps them while it is entered.

    Servers take long to start. Until then nobody who asks for any free port, or connects from one, gets one of these;
    a server that is told to listen on it and sets SO_REUSEADDR, as Java does, can.
    """

    def __init__(self) -> None:
        self._probes = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._probes.close()

    def take(self) -> int:
        """Return a port."""
        probe = self._probes.enter_context(socket.socket())
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((_LOOPBACK, 0))
        port = int(probe.getsockname()[1])
        if not _KEEPS:
            probe.close()
        return port


def free_port() -> int:
    """Return a port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Return whether nothing listens on the port.

    Raises:
        NodeError: this user may not listen on it either.
    """
    with socket.socket() as probe:
        # Otherwise a port that was closed a minute ago would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise NodeError(f"port {port} cannot be used ({error.strerror}): give another with --port") from error
    return True
