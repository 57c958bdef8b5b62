"""Requests to a real cluster, once sent there and once through the gateway: the same bytes come back."""

import gzip
import re
from collections.abc import Iterator

import orjson
import pytest
from csplade.tests.gateway_process import Answer, Gateway, ask, serving
from csplade.tests.gateway_requests import Request, requests

pytestmark = pytest.mark.cluster

# Numbers and names that differ from call to call by nature.
_OF_THE_MOMENT = re.compile(
    rb'("?(?:took|creation_date|[a-z_]*_in_millis)"? ?: ?)"?\d+"?'
    rb'|("?(?:_scroll_id|scroll_id|uuid|index_uuid|cluster_uuid)"? ?: ?)"?[\w=+/-]+"?'
    rb"|(/)[\w-]{22}(?=\])"
)
_SCROLL = re.compile("[A-Za-z0-9+/=]{60,}")
_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "date"}


@pytest.fixture(scope="module")
def gateway(opensearch: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    # Rules that cover nothing are as good as none.
    path = tmp_path_factory.mktemp("rules") / "rewrite.json"
    path.write_bytes(orjson.dumps({"index": [{"pattern": "*", "weights": []}]}))
    with serving(opensearch, "--config", str(path)) as running:
        yield running


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def masked(body: bytes) -> bytes:
    return _OF_THE_MOMENT.sub(lambda found: (found[1] or found[2] or found[3]) + b"*", body)


def told(request: Request, answer: Answer) -> tuple[object, ...]:
    """Return what has to be the same."""
    plain = gzip.decompress(answer.body) if answer.header("content-encoding") == "gzip" else answer.body
    body: object = masked(plain)
    if body == plain:
        body = answer.body
    if request.by_nature and answer.body.startswith(b"{"):
        # Numbers of nodes and tasks are names there.
        body = [*orjson.loads(answer.body)]
    elif request.by_nature:
        body = None
    # In their order, which means something for those that stand there twice.
    headers = [(name, _SCROLL.sub("*", value)) for name, value in answer.headers if name not in _OF_ONE_CONNECTION]
    if body != answer.body:
        length = answer.header("content-length")
        assert length is None or request.method == "HEAD" or int(length) == len(answer.body)
        # It has to be there both ways, though a number in the body may have a digit more.
        headers = [(name, "*" if name == "content-length" else value) for name, value in headers]
    return answer.status, headers, body, answer.whole


def test_each_of_many_requests_gets_the_same_answer(gateway: Gateway, opensearch: str, index_name: str) -> None:
    many = requests(index_name)
    assert len({request.raw() for request in many}) >= 150
    direct = [told(request, ask(port_of(opensearch), request.raw(), request.method)) for request in many]
    through = [told(request, ask(gateway.port, request.raw(), request.method)) for request in many]
    different = [
        (request.method, request.target, dict(request.headers), one, other)
        for request, one, other in zip(many, direct, through, strict=True)
        if one != other
    ]
    assert different == []
    assert not [line for line in gateway.log() if line["refused"]]
