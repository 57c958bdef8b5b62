"""The roles of docs/connecting.md for OpenSearch's security plugin, live: what they are for works, all else not."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from csplade.integration.client import connect
from csplade.integration.errors import CredentialsError
from csplade.tests.documented_role_cases import DocumentedRoles, articles, profile, run
from csplade.tests.documented_roles import (
    OTHER,
    PASSWORD,
    ROLES,
    Forbidden,
    as_user,
    refuse,
    roles_on_page,
)
from csplade.tests.secure_opensearch import running_secure_opensearch
from csplade.tests.secure_server import SecureNode
from csplade.tests.tls_files import needs_openssl

__all__ = ["articles", "profile", "run"]

pytestmark = [pytest.mark.cluster, needs_openssl]

API = "/_plugins/_security/api"
MAKING: dict[str, Forbidden] = {
    "make a user": lambda client: client.transport.perform_request(
        "PUT", f"{API}/internalusers/mine", body={"password": PASSWORD, "backend_roles": ["admin"]}
    ),
    "make a role": lambda client: client.transport.perform_request(
        "PUT", f"{API}/roles/mine", body={"cluster_permissions": ["*"]}
    ),
}


@pytest.fixture(scope="module")
def node() -> Iterator[SecureNode]:
    with running_secure_opensearch() as node:
        node.admin.index(index=OTHER, id="1", body={"text": "private"}, params={"refresh": "true"})
        yield node


@pytest.fixture(scope="module")
def roles(node: SecureNode) -> dict[str, Any]:
    """Make the documented roles, and a user of each with the role's name."""
    found = roles_on_page(f"{API}/roles")
    for name, role in found.items():
        user = {"password": PASSWORD, "opendistro_security_roles": [name]}
        node.admin.transport.perform_request("PUT", f"{API}/roles/{name}", body=role)
        node.admin.transport.perform_request("PUT", f"{API}/internalusers/{name}", body=user)
    return found


def test_nobody_is_let_in_without_a_password(node: SecureNode, roles: dict[str, Any]) -> None:
    assert as_user(node, "csplade_query").info()["version"]["number"] == "2.19.4"
    for access in (node.access(), node.access(user="csplade_query", password="geheim")):
        with pytest.raises(CredentialsError, match="does not accept these credentials"):
            connect(node.url, access).info()


class TestDocumentedRoles(DocumentedRoles):
    """The tests that are the same on OpenSearch and Elasticsearch."""

    PATH = f"{API}/roles"
    # What only tells which cluster that is, how many clauses it takes, and whether it has scripts, which write updates.
    NOT_NEEDED = frozenset({"cluster:monitor/main", "cluster:monitor/nodes/info", "indices:data/write/update"})
    SIZES = (
        ("indices:data/write/bulk",),
        (
            "indices:data/write/index",
            "indices:data/write/bulk*",
            "indices:admin/flush*",
            "indices:admin/forcemerge*",
        ),
    )

    @staticmethod
    def left_open(node: SecureNode) -> int:
        """Return how many points in time nobody has given back."""
        found = node.admin.transport.perform_request("GET", "/_search/point_in_time/_all")
        return len(found["pits"])


@pytest.mark.parametrize("what", MAKING)
@pytest.mark.parametrize("role", ROLES)
def test_the_documented_roles_make_no_more_rights(node: SecureNode, articles: str, role: str, what: str) -> None:
    refuse(partial(MAKING[what], as_user(node, role)))
