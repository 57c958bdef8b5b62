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
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.documented_roles import (
    FORBIDDEN,
    INDEX,
    OTHER,
    OTHER_HALF,
    PASSWORD,
    ROLES,
    Forbidden,
    as_user,
    copy_an_index,
    enrich_and_calibrate,
    ingest_and_query,
    ingest_without_measuring,
    refuse,
    roles_on_page,
    write_profiles,
)
from csplade.tests.secure_opensearch import running_secure_opensearch
from csplade.tests.secure_server import SecureNode
from csplade.tests.tls_files import needs_openssl

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


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


@pytest.fixture
def profile(node: SecureNode, roles: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSPLADE_CONFIG", str(write_profiles(node, tmp_path)))


def test_nobody_is_let_in_without_a_password(node: SecureNode, roles: dict[str, Any]) -> None:
    assert as_user(node, "csplade_query").info()["version"]["number"] == "2.19.4"
    for access in (node.access(), node.access(user="csplade_query", password="geheim")):
        with pytest.raises(CredentialsError, match="does not accept these credentials"):
            connect(node.url, access).info()


def test_the_documented_roles_ingest_and_query(run: Run, profile: None, tmp_path: Path) -> None:
    ingest_and_query(run, tmp_path)


def test_who_may_only_ingest_is_told_that_nothing_is_measured(run: Run, profile: None, tmp_path: Path) -> None:
    ingest_without_measuring(run, tmp_path)


def test_the_documented_role_copies_an_index_and_cannot_touch_it(node: SecureNode, run: Run, profile: None) -> None:
    copy_an_index(node, run)


def test_the_documented_role_enriches_what_is_there_and_makes_nothing_new(
    node: SecureNode, run: Run, profile: None
) -> None:
    enrich_and_calibrate(node, run)


@pytest.fixture(scope="module")
def articles(node: SecureNode, roles: dict[str, Any]) -> str:
    """Give an index that the roles are for."""
    node.admin.index(index=INDEX, id="9", body={"text": "bread"}, params={"refresh": "true"})
    return INDEX


@pytest.mark.parametrize("what", [*FORBIDDEN, *MAKING])
@pytest.mark.parametrize("role", ROLES)
def test_the_documented_roles_do_nothing_else(node: SecureNode, articles: str, role: str, what: str) -> None:
    refuse(partial((FORBIDDEN | MAKING)[what], as_user(node, role)))
    assert node.admin.count(index=OTHER)["count"] == 1
    assert node.admin.indices.exists(index=articles)


def test_each_role_lacks_the_other_half(node: SecureNode, articles: str) -> None:
    for role, action in OTHER_HALF:
        refuse(partial(action, as_user(node, role)))


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
