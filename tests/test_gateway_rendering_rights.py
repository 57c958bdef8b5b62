"""Who may have templates filled: with OpenSearch's security plugin not everybody who may search by them."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import pytest
from csplade.integration.node_launch import Ground
from csplade.tests.extended_server import add_templates
from csplade.tests.gateway_process import Answer, Gateway, ask
from csplade.tests.gateway_searches import Json, hits, request, rules, verdict
from csplade.tests.gateway_words import rewriting
from csplade.tests.rewrite_index import fill_index, mapping
from csplade.tests.secure_opensearch import SECURE_OPENSEARCH, running_secure_opensearch
from csplade.tests.secure_server import SecureNode
from csplade.tests.tls_files import needs_openssl

pytestmark = [pytest.mark.cluster, needs_openssl]

INDEX, STORED, PASSWORD = "articles", "stored", "Xk3!vv-oo-Bread"
API = "/_plugins/_security/api"
RENDER = "indices:data/read/search/template/render"
TEMPLATE: Json = {"id": STORED, "params": {"q": "fresh bread"}}


@dataclass(frozen=True)
class Guarded:
    """A cluster that asks who is there, and the gateway in front."""

    node: SecureNode
    gateway: Gateway

    def search(self, user: str, kind: str = "_search/template", body: object = TEMPLATE) -> Answer:
        shown = b64encode(f"{user}:{PASSWORD}".encode()).decode()
        return ask(self.gateway.port, request("POST", f"/{INDEX}/{kind}", body, {"authorization": f"Basic {shown}"}))


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with running_secure_opensearch(_add) as node:
        fill_index(node.admin, INDEX, 60, mapping(joins=False))
        source = '{"query": {"match": {"text": "{{q}}"}}}'
        node.admin.put_script(id=STORED, body={"script": {"lang": "mustache", "source": source}})
        for user, rights in (("reader", []), ("filler", [RENDER])):
            readable = {"index_patterns": [INDEX], "allowed_actions": ["read"]}
            role = {"cluster_permissions": rights, "index_permissions": [readable]}
            account = {"password": PASSWORD, "opendistro_security_roles": [user]}
            node.admin.transport.perform_request("PUT", f"{API}/roles/{user}", body=role)
            node.admin.transport.perform_request("PUT", f"{API}/internalusers/{user}", body=account)
        config = {"index": [rules(INDEX)], "gateway": {"deadline_ms": 10_000}}
        trust = ("--ca-certs", str(node.files.authority), "--dialect", "opensearch")
        with rewriting(node.url, config, *trust) as gateway:
            yield Guarded(node, gateway)


def _add(ground: Ground) -> None:
    add_templates(SECURE_OPENSEARCH, ground.home)


def test_templates_of_who_may_not_have_them_filled_pass(guarded: Guarded) -> None:
    answer = guarded.search("reader")
    assert verdict(answer) == "failed-open; not_rendered"
    direct = guarded.node.admin.search_template(index=INDEX, body=TEMPLATE)["hits"]["hits"]
    assert hits(answer) == [(hit["_id"], hit["_score"]) for hit in direct]
    # Other searches of the same caller are rewritten.
    assert verdict(guarded.search("reader", "_search", {"query": {"match": {"text": "fresh bread"}}})) == "rewritten"


def test_with_the_right_for_it_they_are_rewritten(guarded: Guarded) -> None:
    answer = guarded.search("filler")
    assert verdict(answer) == "rewritten"
    assert hits(answer) == hits(guarded.search("filler", "_search", {"query": {"match": {"text": "fresh bread"}}}))


def test_whom_the_cluster_does_not_know_it_tells_so(guarded: Guarded) -> None:
    answer = guarded.search("nobody")
    assert (answer.status, verdict(answer)) == (401, "passed; not_authenticated")
    assert b"fresh" not in orjson.dumps(answer.headers)
