"""An OpenSearch 2.19 with its security plugin: TLS, users and roles; its administrator is who shows a certificate.

Of the plugin's versions on Maven Central 2.19.4 is the newest that runs with the modules which are there beside it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from csplade.integration.access import Access
from csplade.integration.node_launch import Ground
from csplade.integration.servers import OPENSEARCH_2, Artifact, Server, Wheel
from csplade.tests.secure_server import Equip, SecureNode, running_secure
from csplade.tests.tls_files import TlsFiles

_VERSION = "2.19.4"
_JARS = {
    "mapper-extras": "fc1565cfdb1beb7a44e0585039000dab5de76ccee90c7038fa1c073bfff759eb",
    "analysis-common": "46db3a6c8fc53f756853d29b4d14fc326ce96a0f56b62aeb289a8126ec513e66",
}
_PLUGIN = "opensearch-security"
SECURE_OPENSEARCH = Server(
    "opensearch",
    replace(
        OPENSEARCH_2.archive,
        version=_VERSION,
        sha256="3902e642715210d1d9d7cbdcc8f5abd6f931d1d7a679cea3750937becf16c406",
    ),
    lowest_java=OPENSEARCH_2.lowest_java,
    highest_java=OPENSEARCH_2.highest_java,
    modules=tuple(
        replace(module, jar=replace(module.jar, version=_VERSION, sha256=_JARS[module.name]))
        for module in OPENSEARCH_2.modules
    ),
    plugins=(
        Artifact(
            *("org.opensearch.plugin", _PLUGIN, f"{_VERSION}.0", "zip", 45),
            "1f673622c462c4171a8c53f9b1ad20e5b839834cb79b0d3b388da180a0e514e8",
        ),
    ),
    wheel=Wheel.NEVER,
)
_SETTINGS = {
    **{
        f"plugins.security.ssl.{layer}.{name}_filepath": f"certs/{file}"
        for layer in ("http", "transport")
        for name, file in (("pemcert", "server.pem"), ("pemkey", "server.key"), ("pemtrustedcas", "ca.pem"))
    },
    "plugins.security.ssl.http.enabled": True,
    "plugins.security.ssl.transport.enforce_hostname_verification": False,
    "plugins.security.nodes_dn": ["CN=server"],
    "plugins.security.authcz.admin_dn": ["CN=client"],
    "plugins.security.allow_default_init_securityindex": True,
}


@contextmanager
def running_secure_opensearch(more: Equip = lambda _: None) -> Iterator[SecureNode]:
    """Start it with disposable data, and stop it; `more` puts into its folder what a test needs beside."""

    def equip(ground: Ground) -> None:
        _equip(ground)
        more(ground)

    with running_secure(SECURE_OPENSEARCH, _SETTINGS, equip, _seen, "/_plugins/_security/health") as node:
        yield node


def _equip(ground: Ground) -> None:
    """Give the plugin its shipped settings, but none of the users that come with them."""
    settings = ground.home / "config" / _PLUGIN
    shutil.copytree(ground.home / "plugins" / _PLUGIN / "config", settings)
    for kind, name in (("internalusers", "internal_users"), ("rolesmapping", "roles_mapping")):
        (settings / f"{name}.yml").write_text(f"_meta: {{type: {kind}, config_version: 2}}\n")


def _seen(url: str, files: TlsFiles) -> SecureNode:
    everybody = Access(ca_certs=files.authority)
    return SecureNode(url, files, everybody, replace(everybody, client_cert=files.client, client_key=files.client_key))
