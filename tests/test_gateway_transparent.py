"""Requests to a real cluster, once sent there and once through the gateway: the same bytes come back."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import orjson
import pytest
from csplade.tests.cluster_lines import MARK, SERVERS, LineServers
from csplade.tests.gateway_process import Answer, Gateway, ask, serving
from csplade.tests.gateway_requests import LINES, requests
from csplade.tests.local_node import home_of
from csplade.tests.raw_request import Request
from csplade.tests.rest_routes import Route, read_routes, route_of

pytestmark = pytest.mark.cluster

LEFT_OUT: dict[str, dict[str, str]] = {
    "opensearch-3.8": {},
    "elasticsearch-9.2": {"DELETE /_license": "without a licence the server refuses what later requests ask"},
}
"""Routes that no request takes, and why."""
DOCUMENTED = (Path(__file__).parents[1] / "docs" / "gateway.md").read_text()

# Numbers and names that differ from call to call by nature.
_OF_THE_MOMENT = re.compile(
    rb'("?(?:took|creation_date|[a-z_]*_millis)"? ?: ?)"?\d+"?'
    rb'|("?(?:_scroll_id|scroll_id|uuid|index_uuid|cluster_uuid)"? ?: ?)"?[\w=+/-]+"?'
    rb"|(/)[\w-]{22}(?=\])"
    # An id that the cluster makes.
    rb'|("_id":)"[\w-]{20}"'
)
_SCROLL = re.compile("[A-Za-z0-9+/=]{60,}|(?<=/_doc/)[A-Za-z0-9_-]{20}$")
_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "date"}


@dataclass(frozen=True)
class Ways:
    """A server of some line, and the gateway in front of it."""

    line: str
    url: str
    gateway: Gateway


def _lines() -> Iterator[object]:
    # The usual servers are many already in an ordinary run.
    for name in LINES:
        yield pytest.param(name, marks=[] if name == LINES[0] else [getattr(pytest.mark, MARK)])


@pytest.fixture(scope="module", params=_lines())
def ways(
    request: pytest.FixtureRequest, line_servers: LineServers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ways]:
    # Rules that cover nothing are as good as none.
    path = tmp_path_factory.mktemp("rules") / "rewrite.json"
    path.write_bytes(orjson.dumps({"index": [{"pattern": "*", "weights": []}]}))
    url = line_servers.url(request.param)
    with serving(url, "--config", str(path)) as running:
        yield Ways(request.param, url, running)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def masked(body: bytes) -> bytes:
    return _OF_THE_MOMENT.sub(lambda found: b"".join(filter(None, found.groups())) + b"*", body)


def told(request: Request, answer: Answer) -> tuple[object, ...]:
    """Return what has to be the same."""
    plain = gzip.decompress(answer.body) if answer.header("content-encoding") == "gzip" else answer.body
    body: object = masked(plain)
    # Elasticsearch compresses in pieces as large as the connection takes just then: one text has many forms.
    if body == plain and answer.header("x-elastic-product") is None:
        body = answer.body
    if request.by_nature and answer.body.startswith(b"{"):
        # Numbers of nodes and tasks are names there; those of indexes come in any order.
        body = sorted(orjson.loads(answer.body))
    elif request.by_nature:
        # Of a table the names of its columns.
        body = plain.split(b"\n", 1)[0].split() if request.target.endswith("?v") else None
    # In their order, which means something for those that stand there twice.
    headers = [(name, _SCROLL.sub("*", value)) for name, value in answer.headers if name not in _OF_ONE_CONNECTION]
    if body != answer.body:
        length = answer.header("content-length")
        assert length is None or request.method == "HEAD" or int(length) == len(answer.body)
        # It has to be there both ways, though a number in the body may have a digit more.
        headers = [(name, "*" if name == "content-length" else value) for name, value in headers]
    return answer.status, headers, body, answer.whole


def test_each_of_many_requests_gets_the_same_answer(ways: Ways) -> None:
    many = requests(ways.line, f"test-{uuid4().hex}")
    direct = [told(request, ask(port_of(ways.url), request.raw(), request.method)) for request in many]
    through = [told(request, ask(ways.gateway.port, request.raw(), request.method)) for request in many]
    different = [
        (request.method, request.target, dict(request.headers), one, other)
        for request, one, other in zip(many, direct, through, strict=True)
        if one != other
    ]
    assert different == []
    assert not [line for line in ways.gateway.log() if line["refused"]]


def test_each_route_that_a_server_offers_is_asked(ways: Ways) -> None:
    routes = offered(ways)
    asked = {route_of(routes, request.method, request.target) for request in requests(ways.line, "an-index")}
    assert {str(route) for route in routes - asked} == set(LEFT_OUT[ways.line])
    assert f"{len(routes)} routes" in DOCUMENTED


@pytest.mark.parametrize("server", LINES)
def test_the_documentation_says_how_many_requests_there_are(server: str) -> None:
    many = requests(server, "an-index")
    different, by_nature = len({request.raw() for request in many}), sum(request.by_nature for request in many)
    assert f"{len(many)} requests ({different} different ones, {by_nature} of" in DOCUMENTED


def offered(ways: Ways) -> set[Route]:
    """Return the routes in the server's archives for which the server itself says that it takes the method."""
    server = SERVERS[ways.line]
    version = ask(port_of(ways.url), Request("GET", "/_nodes/http?filter_path=nodes.*.version").raw()).body
    if server.version.encode() not in version:
        pytest.skip(
            f"the archives of {server.title} say nothing of the server that CSPLADE_TEST_URL names: {version!r}"
        )
    return {route for route in read_routes(home_of(server)) if route.method in allowed(ways.url, route.path)}


def allowed(url: str, path: str) -> list[str]:
    """Return the methods that a server takes for a path."""
    request = Request("OPTIONS", re.sub("{[^}]*}", "x", path))
    return (ask(port_of(url), request.raw(), request.method).header("allow") or "").split(",")
