"""Ports of this machine's loopback address: which are free."""

import errno
import socket

from csplade.integration.errors import NodeError

DEFAULT_PORT = 9200
"""Where a search server listens unless told otherwise."""

_LOOPBACK = "127.0.0.1"


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
