"""An Elasticsearch 9.2 that asks who is there: TLS, a certificate of the asker, users, roles and API keys.

Its archive cannot make the index of API keys for want of a few token filters. A module with them is compiled here by
the JDK's own compiler. The first user stands in a file, as those that are made by requests need that index.
"""

import hashlib
import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from csplade.integration.access import Access
from csplade.integration.node_launch import Ground
from csplade.integration.servers import ELASTICSEARCH_9
from csplade.tests.compiled_module import Module, add_module
from csplade.tests.secure_server import SecureNode, running_secure
from csplade.tests.tls_files import TlsFiles

ADMIN, ADMIN_PASSWORD = "admin", "Änderung: 1"
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
_READY = "/_cluster/health?wait_for_status=yellow"
_ANALYSIS = Module("analysis-common", "AnalysisModule")


@contextmanager
def running_secure_node() -> Iterator[SecureNode]:
    """Start it with disposable data, and stop it."""
    with running_secure(ELASTICSEARCH_9, _SETTINGS, _equip, _seen, _READY) as node:
        yield node


def _equip(ground: Ground) -> None:
    """Add the module and the first user."""
    config = ground.home / "config"
    (config / "users").write_text(f"{ADMIN}:{_hashed(ADMIN_PASSWORD)}\n")
    (config / "users_roles").write_text(f"superuser:{ADMIN}\n")
    add_module(ground, ground.home, _ANALYSIS)


def _seen(url: str, files: TlsFiles) -> SecureNode:
    everybody = Access(ca_certs=files.authority, client_cert=files.client, client_key=files.client_key)
    return SecureNode(url, files, everybody, replace(everybody, user=ADMIN, password=ADMIN_PASSWORD))


def _hashed(password: str) -> str:
    """Return a password as the server keeps it in its file of users."""
    salt, cost = os.urandom(32), 10_000
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, cost, 32)
    return f"{{PBKDF2}}{cost}${b64encode(salt).decode()}${b64encode(digest).decode()}"
