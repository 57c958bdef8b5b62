"""A gateway that signs for AWS in its own name: what arrives at the cluster is what was signed."""

from collections.abc import Iterator
from contextlib import ExitStack
from email.message import Message

import pytest
from csplade.tests.command_run import Run, runner
from csplade.tests.gateway_process import Gateway, ask, serving
from csplade.tests.gateway_searches import request, rules, verdict
from csplade.tests.gateway_words import rewriting
from csplade.tests.one_answer import Request, Server, running
from csplade.tests.scripted_cluster import INDEX, Asked, Said, playing
from csplade.tests.test_signing import REGION, aws, keys, server, signature_of, with_keys, without_credentials

__all__ = ["aws", "keys", "server"]

SIGN = ("--sign", "--aws-service", "es", "--aws-region", REGION)
OF_CALLER = {
    "authorization": "AWS4-HMAC-SHA256 Credential=CALLER/20260101/eu-central-1/es/aws4_request, Signature=00",
    "x-amz-date": "20260101T000000Z",
    "x-amz-security-token": "of the caller",
}


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Server]]:
    with ExitStack() as stack:
        cluster = stack.enter_context(running(Server(200, b"{}")))
        # The keys are for the gateway alone, and not for the tests beside it.
        with pytest.MonkeyPatch.context() as patch:
            without_credentials(patch, tmp_path_factory.mktemp("aws"))
            with_keys(patch)
            gateway = stack.enter_context(serving(cluster.url, *SIGN))
        yield gateway, cluster


@pytest.fixture
def gateway(signing: tuple[Gateway, Server]) -> Gateway:
    return signing[0]


@pytest.fixture
def cluster(signing: tuple[Gateway, Server]) -> Server:
    """Give what the gateway asks, as if it had not been asked before."""
    signing[1].requests.clear()
    return signing[1]


def check(arrived: Request) -> None:
    """Look at what the cluster got."""
    assert arrived.headers["authorization"].endswith(signature_of(arrived, "es"))
    assert [len(arrived.headers.get_all(name, [])) for name in ("x-amz-date", "x-amz-security-token")] == [1, 1]


@pytest.mark.parametrize("headers", [{}, OF_CALLER, {"x-amz-date": "20260101T000000Z"}])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/", None),
        ("HEAD", "/articles", None),
        ("POST", "/a%20b,c/_search?q=x%2By&a=&B=1", {"query": {"match_all": {}}}),
        ("PUT", "/articles/_doc/%2Fa%C3%BC", b"{}"),
    ],
)
def test_what_carries_no_credentials_or_a_signature_is_signed(
    gateway: Gateway, cluster: Server, method: str, path: str, body: object, headers: dict[str, str]
) -> None:
    assert ask(gateway.port, request(method, path, body, headers), method).status == 200
    (arrived,) = cluster.requests
    assert (arrived.method, arrived.target) == (method, path)
    check(arrived)


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("filter_path=hits.*,took&pretty", "filter_path=hits.%2A%2Ctook&pretty"),
        ("q=fresh+bread&sort=year:asc", "q=fresh%20bread&sort=year%3Aasc"),
        ("q=x%2By&&routing=%c3%bc=~", "q=x%2By&routing=%C3%BC%3D~"),
    ],
)
def test_parameters_are_spelled_as_aws_spells_them(gateway: Gateway, cluster: Server, sent: str, arrives: str) -> None:
    assert ask(gateway.port, request("GET", f"/articles/_search?{sent}", None, {})).status == 200
    (arrived,) = cluster.requests
    assert arrived.target == f"/articles/_search?{arrives}"
    check(arrived)


def test_a_body_in_chunks_is_signed_as_a_whole(gateway: Gateway, cluster: Server) -> None:
    head = b"POST /a/_bulk HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    assert ask(gateway.port, head + b"3\r\n{ }\r\n2\r\n\n\n\r\n0\r\n\r\n").status == 200
    (arrived,) = cluster.requests
    assert (arrived.body, arrived.headers["content-length"]) == (b"{ }\n\n", "5")
    check(arrived)


def test_other_credentials_stay(gateway: Gateway, cluster: Server) -> None:
    ask(gateway.port, request("GET", "/", None, {"authorization": "Basic YTpi"}))
    (arrived,) = cluster.requests
    assert arrived.headers["authorization"] == "Basic YTpi"
    assert arrived.headers.get("x-amz-date") is None


def test_searches_that_are_signed_anew_are_no_longer_left_alone(keys: None, server: Server) -> None:
    raw = request("POST", "/articles/_search", {"query": {"match": {"text": "bread"}}}, OF_CALLER)
    config = {"index": [rules("articles")]}
    with rewriting(server.url, config, *SIGN, "--dialect", "opensearch") as gateway:
        # This server does not say which index it is.
        assert verdict(ask(gateway.port, raw)) == "passed; unresolved"
    for arrived in server.requests:
        check(arrived)
    with rewriting(server.url, config, "--dialect", "opensearch") as gateway:
        assert verdict(ask(gateway.port, raw)) == "passed; signed"


def arrived_as(asked: Asked) -> Request:
    """Return what a scripted cluster got in the form that signatures are computed from."""
    headers = Message()
    for name, value in asked.headers.items():
        headers[name] = value
    return Request(asked.method, asked.target, headers, asked.body)


def test_what_is_rewritten_is_signed_as_it_is_sent(keys: None) -> None:
    written = {"took": 1, "errors": False, "items": [{"index": {"_id": "1", "status": 201}}]}

    def script(asked: Asked) -> Said | None:
        return Said(written) if "_bulk" in asked.target else None

    with playing(script, SIGN) as play:
        search = play.search(**OF_CALLER)
        lines = b'{"index": {"_id": "1"}}\n{"text": "fresh bread", "csplade_terms": {"stale": 5.0}}\n'
        bulk = play.ask("POST", f"/{INDEX}/_bulk", lines, **OF_CALLER)
        document = play.ask("PUT", f"/{INDEX}/_doc/1?refresh=true", {"text": "fresh bread"}, **OF_CALLER)
    assert [verdict(each) for each in (search, bulk, document)] == ["rewritten", "rewritten; 1 of 1", "rewritten"]
    (searched,), (wrote,), (put,) = (play.cluster.of(f"/{INDEX}/{part}") for part in ("_search", "_bulk", "_doc"))
    assert searched.by_weights
    for each in (wrote, put):
        assert b'"csplade_terms":{"bread":5.0,"fresh":5.0}' in each.body
    # The questions about the index as well.
    assert len(play.cluster.asked) > 3
    for each in play.cluster.asked:
        check(arrived_as(each))


def test_without_credentials_of_aws_nothing_begins(
    aws: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run: Run = runner(monkeypatch, capsys)
    done = run("serve", "--url", "http://127.0.0.1:9", "--port", "0", *SIGN)
    assert done.code != 0
    assert "there are no credentials for AWS" in done.err
