"""A cluster that asks who is there: each kind of credentials, and the roles of docs/connecting.md, live."""

import json
import logging
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from csplade.integration.access import Access
from csplade.integration.client import connect
from csplade.integration.errors import CredentialsError, UnreachableError
from csplade.tests.command_run import Run
from csplade.tests.documented_role_cases import DocumentedRoles, articles, profile, run
from csplade.tests.documented_roles import (
    FORBIDDEN,
    INDEX,
    OTHER,
    PASSWORD,
    ROLES,
    Forbidden,
    as_user,
    refuse,
    roles_on_page,
)
from csplade.tests.gateway_process import Answer, ask, serving
from csplade.tests.gateway_searches import request
from csplade.tests.secure_node import ADMIN, ADMIN_PASSWORD, running_secure_node
from csplade.tests.secure_server import SecureNode
from csplade.tests.tls_files import needs_openssl
from opensearchpy import OpenSearch

__all__ = ["articles", "profile", "run"]

pytestmark = [pytest.mark.cluster, needs_openssl]


@pytest.fixture(scope="module")
def node() -> Iterator[SecureNode]:
    with running_secure_node() as node:
        node.admin.index(index=OTHER, id="1", body={"text": "private"}, params={"refresh": "true"})
        yield node


@pytest.fixture(scope="module")
def roles(node: SecureNode) -> dict[str, Any]:
    """Make the documented roles, and a user of each with the role's name."""
    found = roles_on_page("/_security/role")
    for name, role in found.items():
        put(node, f"/_security/role/{name}", role)
        put(node, f"/_security/user/{name}", {"password": PASSWORD, "roles": [name]})
    return found


def put(node: SecureNode, path: str, body: object) -> dict[str, Any]:
    answer: dict[str, Any] = node.admin.transport.perform_request("PUT", path, body=body)
    return answer


def whoami(client: OpenSearch) -> str:
    return str(client.transport.perform_request("GET", "/_security/_authenticate")["username"])


def test_every_kind_of_credentials_is_let_in(node: SecureNode) -> None:
    assert whoami(node.admin) == ADMIN
    key = node.admin.transport.perform_request("POST", "/_security/api_key", body={"name": "k"})
    for given in (key["encoded"], f"{key['id']}:{key['api_key']}"):
        assert whoami(connect(node.url, node.access(api_key=given))) == ADMIN
    token = node.admin.transport.perform_request("POST", "/_security/service/elastic/fleet-server/credential/token/t")
    bearer = connect(node.url, node.access(bearer_token=token["token"]["value"]))
    assert whoami(bearer) == "elastic/fleet-server"
    node.admin.transport.perform_request("DELETE", "/_security/api_key", body={"ids": [key["id"]]})
    with pytest.raises(CredentialsError):
        whoami(connect(node.url, node.access(api_key=key["encoded"])))


def test_wrong_credentials_are_refused_and_shown_nowhere(node: SecureNode, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for asker in (
        {"user": ADMIN, "password": PASSWORD},
        {"api_key": "id:geheim"},
        {"bearer_token": "AAgeheim"},
    ):
        with pytest.raises(CredentialsError, match="does not accept these credentials") as caught:
            whoami(connect(node.url, node.access(**asker)))
        assert "geheim" not in f"{caught.value} {caplog.text}"
    with pytest.raises(CredentialsError):
        whoami(connect(node.url, node.access()))


def test_tls_goes_both_ways(node: SecureNode) -> None:
    admin = node.access(user=ADMIN, password=ADMIN_PASSWORD)
    for access in (replace(admin, ca_certs=None), replace(admin, client_cert=None, client_key=None)):
        with pytest.raises(UnreachableError):
            whoami(connect(node.url, access))
    with pytest.raises(UnreachableError):
        whoami(connect(node.url.replace("https", "http"), Access(ADMIN, ADMIN_PASSWORD)))


def through_gateway(node: SecureNode, *options: str, **headers: str) -> Answer:
    """Ask who a caller is, through a gateway that trusts the cluster."""
    with serving(node.url, "--ca-certs", str(node.files.authority), *options) as gateway:
        return ask(gateway.port, request("GET", "/_security/_authenticate", None, headers))


def test_a_gateway_shows_its_certificate_and_leaves_the_caller_s_credentials_alone(node: SecureNode) -> None:
    files = node.files
    shown = ("--client-cert", str(files.client), "--client-key", str(files.client_key))
    named = {"authorization": f"Basic {b64encode(f'{ADMIN}:{ADMIN_PASSWORD}'.encode()).decode()}"}
    assert json.loads(through_gateway(node, *shown, **named).body)["username"] == ADMIN
    # The certificate opens the connection; who asks is the caller's to say.
    assert through_gateway(node, *shown).status == 401
    answer = through_gateway(node, **named)
    assert (answer.status, answer.refused) in ((502, "unreachable"), (502, "bad_answer"))


MAKING: dict[str, Forbidden] = {
    "make a user": lambda client: client.transport.perform_request(
        "PUT", "/_security/user/mine", body={"password": PASSWORD, "roles": ["superuser"]}
    ),
    "make a key": lambda client: client.transport.perform_request("POST", "/_security/api_key", body={"name": "k"}),
}


class TestDocumentedRoles(DocumentedRoles):
    """The tests that are the same on OpenSearch and Elasticsearch."""

    PATH = "/_security/role"
    NOT_NEEDED = frozenset({"monitor"})
    SIZES = ((), ("index",))


@pytest.mark.parametrize("what", MAKING)
@pytest.mark.parametrize("role", ROLES)
def test_the_documented_roles_make_no_more_rights(node: SecureNode, articles: str, role: str, what: str) -> None:
    refuse(partial(MAKING[what], as_user(node, role)))


def test_an_api_key_of_a_documented_role_is_as_narrow(node: SecureNode, articles: str, roles: dict[str, Any]) -> None:
    body = {"name": "narrow", "role_descriptors": {"csplade_query": roles["csplade_query"]}}
    key = node.admin.transport.perform_request("POST", "/_security/api_key", body=body)
    client = connect(node.url, node.access(api_key=key["encoded"]))
    assert client.search(index=articles, body={})["hits"]["hits"]
    refuse(partial(FORBIDDEN["read another index"], client), partial(FORBIDDEN["delete the index"], client))


def test_the_environment_alone_is_enough(
    node: SecureNode, articles: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("URL", node.url),
        ("USER", ADMIN),
        ("PASSWORD", ADMIN_PASSWORD),
        ("CA_CERTS", node.files.authority),
        ("CLIENT_CERT", node.files.client),
        ("CLIENT_KEY", node.files.client_key),
    ):
        monkeypatch.setenv(f"CSPLADE_{name}", str(value))
    result = run("query", "bread", "--index", OTHER, "--mode", "bm25")
    # It is let in, and finds that the index is none of ours.
    assert (result.code, "was not made by csplade" in result.err) == (1, True), result.err


def test_a_bulk_request_that_the_role_forbids_loses_nothing_silently(node: SecureNode, articles: str) -> None:
    client = as_user(node, "csplade_ingest")
    lines = "".join(f'{{"index": {{"_index": "{index}", "_id": "b"}}}}\n{{"n": 1}}\n' for index in (INDEX, OTHER))
    first, second = (item["index"] for item in client.bulk(body=lines)["items"])
    assert (first["status"], second["status"]) == (201, 403)
    assert not node.admin.exists(index=OTHER, id="b")
