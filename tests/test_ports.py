"""Ports: free, taken, and for others only."""

import os
import socket
from pathlib import Path

import pytest
from csplade.integration.errors import NodeError
from csplade.integration.ports import free_port, is_free


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_is_taken_as_long_as_somebody_listens(address: str) -> None:
    port = free_port()
    assert is_free(port)
    with socket.socket() as other:
        other.bind((address, port))
        other.listen()
        assert not is_free(port)
    assert is_free(port)


@pytest.mark.skipif(
    os.geteuid() == 0 or int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 81,
    reason="this user may listen on every port",
)
def test_a_port_for_root_is_told() -> None:
    with pytest.raises(NodeError, match=r"port 81 cannot be used \(Permission denied\): give another with --port"):
        is_free(81)
