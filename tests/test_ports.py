"""Ports: free, taken, and for others only."""

import os
import platform
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from csplade.integration.errors import NodeError
from csplade.integration.ports import FreePorts, free_port, is_free


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_is_taken_as_long_as_somebody_listens(address: str) -> None:
    port = free_port()
    assert is_free(port)
    with socket.socket() as other:
        other.bind((address, port))
        other.listen()
        assert not is_free(port)
    assert is_free(port)


@pytest.mark.skipif(platform.system() != "Linux", reason="ports are kept on Linux alone")
def test_a_port_that_is_taken_stays_free_for_whoever_is_told_of_it_and_is_given_to_nobody_else() -> None:
    from resource import RLIMIT_NOFILE, getrlimit

    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    # Two sockets each, beside those that are kept and what the test process has open.
    most = (getrlimit(RLIMIT_NOFILE)[0] - 400) // 3
    with FreePorts() as free, socket.create_server(("127.0.0.1", 0)) as anybody, ExitStack() as stack:
        kept = {free.take() for _ in range(200)}
        assert len(kept) == 200 and all(map(is_free, kept))
        # Many enough that some would have been among them: one of 28,000 each, usually.
        given = set()
        for _ in range(min(1000, most, (high - low) // 4)):
            given.add(stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1])
            given.add(stack.enter_context(socket.create_connection(anybody.getsockname())).getsockname()[1])
            anybody.accept()[0].close()
        assert not kept & given
        # As Java does.
        told = kept.pop()
        with socket.create_server(("127.0.0.1", told)):
            assert not is_free(told)
            socket.create_connection(("127.0.0.1", told)).close()


@pytest.mark.skipif(
    os.geteuid() == 0 or int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 81,
    reason="this user may listen on every port",
)
def test_a_port_for_root_is_told() -> None:
    with pytest.raises(NodeError, match=r"port 81 cannot be used \(Permission denied\): give another with --port"):
        is_free(81)
