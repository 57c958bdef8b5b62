"""A server that asks who is there, over TLS: started from a copy of its folder that a test equips, and stopped."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from csplade.integration.access import Access
from csplade.integration.account import server_account
from csplade.integration.client import connect
from csplade.integration.errors import ClusterError
from csplade.integration.node_config import java_switches
from csplade.integration.node_launch import Ground, launch, prepare, seats_of
from csplade.integration.node_log import tail
from csplade.integration.places import find_places, make_places
from csplade.integration.ports import FreePorts
from csplade.integration.processes import end, is_alive
from csplade.integration.servers import Server
from csplade.tests.local_node import reachable_folder
from csplade.tests.tls_files import TlsFiles, make_tls_files
from opensearchpy import OpenSearch

_PATIENCE_SECONDS = 600

Equip = Callable[[Ground], None]
"""Changes the copy of a server's folder in which the certificates are already."""


@dataclass(frozen=True)
class SecureNode:
    """The server, and what one needs to talk to it."""

    url: str
    files: TlsFiles
    everybody: Access
    """What everybody shows, without being anybody."""
    admin_access: Access

    def access(self, **asker: str) -> Access:
        """Return the access of somebody."""
        return replace(self.everybody, **asker)  # type: ignore[arg-type]  # texts only

    @property
    def admin(self) -> OpenSearch:
        """Return a client that may do everything."""
        return connect(self.url, self.admin_access)


Seen = Callable[[str, TlsFiles], SecureNode]


@contextmanager
def running_secure(
    server: Server, settings: Mapping[str, object], equip: Equip, seen: Seen, ready: str
) -> Iterator[SecureNode]:
    """Start a server with disposable data, and stop it.

    `seen` tells how one talks to it at an address; at `ready` it answers without an error once it knows its users.
    """
    account = server_account()
    places = find_places(os.environ, account)
    make_places(places, account)
    ground = prepare(server, java_switches(512, quick_start=True), places, account, lambda _text: None)
    with reachable_folder() as folder, FreePorts() as free:
        home = folder / "home"
        shutil.copytree(ground.home, home)
        ground = replace(ground, server=replace(server, settings=settings), home=home)
        files = _certificates(home)
        equip(ground)
        notes = folder / "notes"
        notes.mkdir()
        node = launch(ground, folder / "node", seats_of(0, 1, free), notes)
        try:
            secure = seen(f"https://127.0.0.1:{node.port}", files)
            _await(secure.admin, ready, lambda: is_alive(node.processes[0]), node.members[0].log)
            yield secure
        finally:
            end(node.processes, 30)


def _certificates(home: Path) -> TlsFiles:
    certificates = home / "config" / "certs"
    certificates.mkdir()
    files = make_tls_files(certificates)
    for file in certificates.iterdir():
        # The server runs as somebody else.
        file.chmod(0o644)
    return files


def _await(admin: OpenSearch, ready: str, alive: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            admin.transport.perform_request("GET", ready)
            return
        except ClusterError as error:
            if time.monotonic() > deadline or not alive():
                raise AssertionError("\n".join(tail(log, 30))) from error
        time.sleep(0.5)
