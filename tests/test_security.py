"""A cluster that asks who is there: each kind of credentials, and the roles of docs/connecting.md, live."""

import json
import logging
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from csplade.integration.access import Access
from csplade.integration.client import connect
from csplade.integration.errors import CredentialsError, UnreachableError
from csplade.integration.index import create_index
from csplade.integration.templates import IndexOptions
from csplade.tests.command_run import Result, Run, runner, use_word_encoder
from csplade.tests.gateway_process import Answer, ask, serving
from csplade.tests.gateway_searches import request
from csplade.tests.secure_node import ADMIN, ADMIN_PASSWORD, SecureNode, running_secure_node
from csplade.tests.tls_files import needs_openssl
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

pytestmark = [pytest.mark.cluster, needs_openssl]

PAGE = Path(__file__).resolve().parent.parent / "docs" / "connecting.md"
PASSWORD = "geheim: ü"
INDEX, COPY, SHOP, OTHER = "articles-1", "articles-2", "products", "letters"
ROLES = ("csplade_ingest", "csplade_query", "csplade_reindex", "csplade_enrich")
REFUSED = "does not let this user do that"


@pytest.fixture(scope="module")
def node() -> Iterator[SecureNode]:
    with running_secure_node() as node:
        node.admin.index(index=OTHER, id="1", body={"text": "private"}, params={"refresh": "true"})
        yield node


@pytest.fixture(scope="module")
def roles(node: SecureNode) -> dict[str, Any]:
    """Make the documented roles, and a user of each with the role's name."""
    found = {}
    for path, block in re.findall(r"`PUT (/_security/role/\w+)`:\n\n```json\n(.*?)```", PAGE.read_text(), re.DOTALL):
        name = path.rpartition("/")[2]
        found[name] = json.loads(block)
        put(node, path, found[name])
        put(node, f"/_security/user/{name}", {"password": PASSWORD, "roles": [name]})
    assert set(found) == set(ROLES)
    return found


def put(node: SecureNode, path: str, body: object) -> dict[str, Any]:
    answer: dict[str, Any] = node.admin.transport.perform_request("PUT", path, body=body)
    return answer


def as_user(node: SecureNode, name: str) -> OpenSearch:
    return connect(node.url, node.access(user=name, password=PASSWORD))


def whoami(client: OpenSearch) -> str:
    return str(client.transport.perform_request("GET", "/_security/_authenticate")["username"])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    return runner(monkeypatch, capsys)


@pytest.fixture
def profile(node: SecureNode, roles: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a file of profiles, one for each role, with the password in a file of its own."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    files = {"ca_certs": node.files.authority, "client_cert": node.files.client, "client_key": node.files.client_key}
    lines = [
        f'url = "{node.url}"',
        'password_file = "password"',
        *(f'{name} = "{path}"' for name, path in files.items()),
    ]
    path = tmp_path / "config.toml"
    path.write_text("".join(f"[profiles.{name}]\nuser = '{name}'\n" + "\n".join(lines) + "\n" for name in roles))
    for secret in (path, tmp_path / "password"):
        secret.chmod(0o600)
    monkeypatch.setenv("CSPLADE_CONFIG", str(path))
    return path


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


def test_the_documented_roles_ingest_and_query(run: Run, profile: Path, tmp_path: Path) -> None:
    source = tmp_path / "articles.jsonl"
    source.write_text(
        '{"_id": "1", "title": "Bread", "text": "fresh bread", "lang": "en"}\n{"_id": "2", "text": "salt"}\n'
    )

    def ingest(name: str) -> Result:
        return run("ingest", source, "--index", INDEX, "--profile", name, "--json")

    def query(name: str) -> Result:
        return run("query", "bread", "--index", INDEX, "--profile", name, "--json", "--explain")

    for _ in range(2):
        done = ingest("csplade_ingest")
        assert done.code == 0, done.err
        assert json.loads(done.out)["indexed"] == 2
    asked = query("csplade_query")
    assert asked.code == 0, asked.err
    assert [hit["id"] for hit in json.loads(asked.out)["hits"]] == ["1"]
    # Neither can do the other's.
    for result in (ingest("csplade_query"), query("csplade_ingest")):
        assert (result.code, result.out) == (1, "")
        assert REFUSED in result.err
        assert PASSWORD not in result.err


def test_the_documented_role_copies_an_index_and_cannot_touch_it(node: SecureNode, run: Run, profile: Path) -> None:
    for number in range(3):
        product = {"name": f"rye bread {number}", "price": number}
        node.admin.index(index=SHOP, id=f"p{number}", body=product, params={"refresh": "true"})
    where = ("--from", SHOP, "--to", COPY, "--text-fields", "name", "--profile", "csplade_reindex", "--json")
    for _ in range(2):
        done = run("reindex", *where)
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert (told["read"], told["indexed"], told["in_source"], told["one_moment"]) == (3, 3, 3, True)
    node.admin.indices.refresh(index=COPY)
    assert node.admin.count(index=COPY)["count"] == 3
    client = as_user(node, "csplade_reindex")
    forbidden: tuple[Callable[[], object], ...] = (
        lambda: client.index(index=SHOP, id="p0", body={}),
        lambda: client.delete(index=SHOP, id="p0"),
        lambda: client.indices.delete(index=SHOP),
        lambda: client.indices.put_mapping(index=SHOP, body={"properties": {"x": {"type": "keyword"}}}),
        lambda: client.search(index=COPY, body={}),
        lambda: client.delete(index=COPY, id="p0"),
    )
    for action in forbidden:
        with pytest.raises(CredentialsError, match=REFUSED):
            action()
    assert node.admin.count(index=SHOP)["count"] == 3


def test_the_documented_role_enriches_what_is_there_and_makes_nothing_new(
    node: SecureNode, run: Run, profile: Path
) -> None:
    index = "articles-3"
    create_index(node.admin, index, word_contract(), IndexOptions(analyzer="standard"))
    for number in range(3):
        node.admin.index(index=index, id=str(number), body={"text": "rye", "year": number}, params={"refresh": "true"})
    for expected in (3, 0):
        done = run("enrich", "--index", index, "--profile", "csplade_enrich", "--json")
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert (told["encoded"], told["failed"], told["pending"]) == (expected, 0, 0)
    # It may also measure the index, as it reads it and writes its mapping; who only ingests may not.
    measured = run("calibrate", "--index", index, "--profile", "csplade_enrich", "--json")
    assert (measured.code, json.loads(measured.out)["scales"]["sparse"] > 0) == (0, True), measured.err
    refused = run("calibrate", "--index", index, "--profile", "csplade_ingest", "--json")
    assert (refused.code, refused.out) == (1, "")
    assert REFUSED in refused.err
    found = node.admin.get(index=index, id="2", params={"_source_exclude_vectors": "false"})["_source"]
    assert (found["year"], found["csplade_terms"]) == (2, {"rye": 3.0})
    client = as_user(node, "csplade_enrich")
    forbidden: tuple[Callable[[], object], ...] = (
        lambda: client.delete(index=index, id="0"),
        lambda: client.indices.create(index="articles-4"),
        lambda: client.indices.put_alias(index=index, name="articles"),
    )
    for action in forbidden:
        with pytest.raises(CredentialsError, match=REFUSED):
            action()


FORBIDDEN: dict[str, Callable[[OpenSearch], object]] = {
    "delete the index": lambda client: client.indices.delete(index=INDEX),
    "close the index": lambda client: client.indices.close(index=INDEX),
    "change its settings": lambda client: client.indices.put_settings(
        index=INDEX, body={"index": {"number_of_replicas": 0}}
    ),
    "read another index": lambda client: client.search(index=OTHER, body={}),
    "read a document of another index": lambda client: client.get(index=OTHER, id="1"),
    "map another index": lambda client: client.indices.get_mapping(index=OTHER),
    "write into another index": lambda client: client.index(index=OTHER, id="2", body={}),
    "create another index": lambda client: client.indices.create(index="more-letters"),
    "change the cluster": lambda client: client.cluster.put_settings(
        body={"persistent": {"action.auto_create_index": "false"}}
    ),
    "make a user": lambda client: client.transport.perform_request(
        "PUT", "/_security/user/mine", body={"password": PASSWORD, "roles": ["superuser"]}
    ),
    "make a key": lambda client: client.transport.perform_request("POST", "/_security/api_key", body={"name": "k"}),
    "make a template": lambda client: client.indices.put_index_template(name="t", body={"index_patterns": ["x"]}),
}


@pytest.fixture(scope="module")
def articles(node: SecureNode, roles: dict[str, Any]) -> str:
    """Give an index that both roles are for."""
    node.admin.index(index=INDEX, id="9", body={"text": "bread"}, params={"refresh": "true"})
    return INDEX


@pytest.mark.parametrize("what", FORBIDDEN)
@pytest.mark.parametrize("role", ROLES)
def test_the_documented_roles_do_nothing_else(node: SecureNode, articles: str, role: str, what: str) -> None:
    with pytest.raises(CredentialsError, match=REFUSED):
        FORBIDDEN[what](as_user(node, role))
    assert node.admin.count(index=OTHER)["count"] == 1
    assert node.admin.indices.exists(index=INDEX)


def test_each_role_lacks_the_other_half(node: SecureNode, articles: str) -> None:
    forbidden: tuple[tuple[str, Callable[[OpenSearch], object]], ...] = (
        ("csplade_ingest", lambda client: client.search(index=INDEX, body={})),
        ("csplade_ingest", lambda client: client.get(index=INDEX, id="9")),
        ("csplade_query", lambda client: client.index(index=INDEX, id="9", body={})),
        ("csplade_query", lambda client: client.delete(index=INDEX, id="9")),
        ("csplade_query", lambda client: client.indices.create(index="articles-4")),
        ("csplade_query", lambda client: client.cluster.health()),
    )
    for role, action in forbidden:
        with pytest.raises(CredentialsError, match=REFUSED):
            action(as_user(node, role))


def test_an_api_key_of_a_documented_role_is_as_narrow(node: SecureNode, articles: str, roles: dict[str, Any]) -> None:
    body = {"name": "narrow", "role_descriptors": {"csplade_query": roles["csplade_query"]}}
    key = node.admin.transport.perform_request("POST", "/_security/api_key", body=body)
    client = connect(node.url, node.access(api_key=key["encoded"]))
    assert client.search(index=articles, body={})["hits"]["hits"]
    for refused in (FORBIDDEN["read another index"], FORBIDDEN["delete the index"]):
        with pytest.raises(CredentialsError, match=REFUSED):
            refused(client)


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
