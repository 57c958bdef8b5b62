"""An Elasticsearch 9.2 that asks who is there: TLS, a certificate of the asker, users, roles and API keys.

Its archive cannot make the index of API keys for want of a few token filters. A module with them is compiled here by
the JDK's own compiler. The first user stands in a file, as those that are made by requests need that index.
"""

import hashlib
import os
import shutil
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from csplade.integration.access import Access
from csplade.integration.account import server_account
from csplade.integration.client import connect
from csplade.integration.errors import ClusterError
from csplade.integration.node_config import java_switches
from csplade.integration.node_launch import Ground, launch, prepare
from csplade.integration.node_log import tail
from csplade.integration.places import find_places, make_places
from csplade.integration.ports import free_port
from csplade.integration.processes import end, is_alive
from csplade.integration.servers import ELASTICSEARCH_9
from csplade.tests.compiled_module import Module, add_module, compiler_of
from csplade.tests.local_node import reachable_folder
from csplade.tests.tls_files import TlsFiles, make_tls_files
from opensearchpy import OpenSearch

ADMIN, ADMIN_PASSWORD = "admin", "Änderung: 1"
_PATIENCE_SECONDS = 600
_SSL = "xpack.security.http.ssl"
_SETTINGS = {
    "xpack.security.enabled": True,
    "xpack.security.transport.ssl.enabled": False,
    f"{_SSL}.enabled": True,
    f"{_SSL}.key": "certs/server.key",
    f"{_SSL}.certificate": "certs/server.pem",
    f"{_SSL}.certificate_authorities": ["certs/ca.pem"],
    f"{_SSL}.client_authentication": "required",
}
_ANALYSIS = Module("analysis-common", "AnalysisModule")


@dataclass(frozen=True)
class SecureNode:
    """The server, and what one needs to talk to it."""

    url: str
    files: TlsFiles

    def access(self, **asker: str) -> Access:
        """Return the access of somebody who shows the certificate that everybody must show."""
        files = self.files
        known = Access(ca_certs=files.authority, client_cert=files.client, client_key=files.client_key)
        return replace(known, **asker)  # type: ignore[arg-type]  # texts only

    @property
    def admin(self) -> OpenSearch:
        """Return a client that may do everything."""
        return connect(self.url, self.access(user=ADMIN, password=ADMIN_PASSWORD))


@contextmanager
def running_secure_node() -> Iterator[SecureNode]:
    """Start it with disposable data, and stop it."""
    account = server_account()
    places = find_places(os.environ, account)
    make_places(places, account)
    ground = prepare(ELASTICSEARCH_9, java_switches(512, quick_start=True), places, account, lambda _text: None)
    compiler_of(ground)
    with reachable_folder() as folder:
        files = _equip(ground, folder)
        server = replace(ELASTICSEARCH_9, settings=_SETTINGS)
        port, notes = free_port(), folder / "notes"
        notes.mkdir()
        node = launch(replace(ground, server=server, home=folder / "home"), folder / "node", port, 1, notes)
        try:
            secure = SecureNode(f"https://127.0.0.1:{port}", files)
            _await(secure, lambda: is_alive(node.processes[0]), node.members[0].log)
            yield secure
        finally:
            end(node.processes, 30)


def _equip(ground: Ground, folder: Path) -> TlsFiles:
    """Copy the server with a module more, certificates, and the first user."""
    home = folder / "home"
    shutil.copytree(ground.home, home)
    certificates = home / "config" / "certs"
    certificates.mkdir()
    files = make_tls_files(certificates)
    for file in certificates.iterdir():
        # The server runs as somebody else.
        file.chmod(0o644)
    (home / "config" / "users").write_text(f"{ADMIN}:{_hashed(ADMIN_PASSWORD)}\n")
    (home / "config" / "users_roles").write_text(f"superuser:{ADMIN}\n")
    add_module(ground, home, _ANALYSIS)
    return files


def _hashed(password: str) -> str:
    """Return a password as the server keeps it in its file of users."""
    salt, cost = os.urandom(32), 10_000
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, cost, 32)
    return f"{{PBKDF2}}{cost}${b64encode(salt).decode()}${b64encode(digest).decode()}"


def _await(node: SecureNode, alive: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            node.admin.cluster.health(params={"wait_for_status": "yellow"})
            return
        except ClusterError as error:
            if time.monotonic() > deadline or not alive():
                raise AssertionError("\n".join(tail(log, 30))) from error
        time.sleep(0.5)
