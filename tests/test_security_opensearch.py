"""The roles of docs/connecting.md for OpenSearch's security plugin, live: what they are for works, all else not."""

import copy
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from csplade.integration.client import connect
from csplade.integration.errors import CredentialsError
from csplade.tests.command_run import Run
from csplade.tests.documented_role_cases import DocumentedRoles, articles, profile, run
from csplade.tests.documented_roles import (
    OTHER,
    PASSWORD,
    ROLES,
    Forbidden,
    as_user,
    copy_an_index,
    enrich_and_calibrate,
    ingest_and_query,
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

NOT_NEEDED_HERE = {"cluster:monitor/main", "cluster:monitor/nodes/info", "indices:data/write/update"}
"""What only tells which cluster that is, how many clauses it takes, and whether it has scripts, which write updates."""


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


@pytest.mark.parametrize("what", MAKING)
@pytest.mark.parametrize("role", ROLES)
def test_the_documented_roles_make_no_more_rights(node: SecureNode, articles: str, role: str, what: str) -> None:
    refuse(partial(MAKING[what], as_user(node, role)))


def points_in_time(node: SecureNode) -> int:
    found = node.admin.transport.perform_request("GET", "/_search/point_in_time/_all")
    return len(found["pits"])


def lacking(role: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the role without each of its permissions in turn."""
    for lists in (role["cluster_permissions"], *(part["allowed_actions"] for part in role["index_permissions"])):
        for permission in list(lists):
            lists.remove(permission)
            yield permission, role
            lists.append(permission)


@pytest.mark.cluster_line
@pytest.mark.parametrize("name", ROLES)
def test_no_permission_is_too_much(
    node: SecureNode, roles: dict[str, Any], run: Run, profile: None, tmp_path: Path, name: str
) -> None:
    copies, enriches = partial(copy_an_index, node, run), partial(enrich_and_calibrate, node, run)
    tasks = {"csplade_reindex": copies, "csplade_enrich": enriches}
    task = tasks.get(name, partial(ingest_and_query, run, tmp_path))
    needless = []
    for permission, role in lacking(copy.deepcopy(roles[name])):
        begin_anew(node, name, role)
        before = points_in_time(node)
        with suppress(AssertionError):
            task()
            if points_in_time(node) == before:
                needless.append(permission)
    begin_anew(node, name, roles[name])
    task()
    assert set(needless) <= NOT_NEEDED_HERE


def begin_anew(node: SecureNode, name: str, role: dict[str, Any]) -> None:
    """Leave nothing of an earlier task, and let the role be this one."""
    node.admin.indices.delete(index="articles-1,articles-2,articles-3", params={"ignore_unavailable": "true"})
    for checkpoint in Path().glob("*.checkpoint"):
        checkpoint.unlink()
    node.admin.transport.perform_request("PUT", f"{API}/roles/{name}", body=role)
