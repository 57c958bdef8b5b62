"""A gateway that signs for AWS in its own name: what arrives at the cluster is what was signed."""

from collections.abc import Iterator

import pytest
from csplade.tests.command_run import Run, runner
from csplade.tests.gateway_process import Gateway, ask, serving
from csplade.tests.gateway_searches import request, rules, verdict
from csplade.tests.gateway_words import rewriting
from csplade.tests.one_answer import Request, Server
from csplade.tests.test_signing import REGION, aws, keys, server, signature_of

__all__ = ["aws", "keys", "server"]

SIGN = ("--sign", "--aws-service", "es", "--aws-region", REGION)
OF_CALLER = {
    "authorization": "AWS4-HMAC-SHA256 Credential=CALLER/20260101/eu-central-1/es/aws4_request, Signature=00",
    "x-amz-date": "20260101T000000Z",
    "x-amz-security-token": "of the caller",
}


@pytest.fixture
def gateway(keys: None, server: Server) -> Iterator[Gateway]:
    with serving(server.url, *SIGN) as running:
        yield running


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
    gateway: Gateway, server: Server, method: str, path: str, body: object, headers: dict[str, str]
) -> None:
    assert ask(gateway.port, request(method, path, body, headers), method).status == 200
    (arrived,) = server.requests
    assert (arrived.method, arrived.target) == (method, path)
    check(arrived)


def test_a_body_in_chunks_is_signed_as_a_whole(gateway: Gateway, server: Server) -> None:
    head = b"POST /a/_bulk HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    assert ask(gateway.port, head + b"3\r\n{ }\r\n2\r\n\n\n\r\n0\r\n\r\n").status == 200
    (arrived,) = server.requests
    assert (arrived.body, arrived.headers["content-length"]) == (b"{ }\n\n", "5")
    check(arrived)


def test_other_credentials_stay(gateway: Gateway, server: Server) -> None:
    ask(gateway.port, request("GET", "/", None, {"authorization": "Basic YTpi"}))
    (arrived,) = server.requests
    assert arrived.headers["authorization"] == "Basic YTpi"
    assert arrived.headers.get("x-amz-date") is None


def test_searches_that_are_signed_anew_are_no_longer_left_alone(keys: None, server: Server) -> None:
    raw = request("POST", "/articles/_search", {"query": {"match": {"text": "bread"}}}, OF_CALLER)
    config = {"index": [rules("articles")]}
    with rewriting(server.url, config, *SIGN, "--dialect", "opensearch") as running:
        # This server does not say which index it is.
        assert verdict(ask(running.port, raw)) == "passed; unresolved"
    for arrived in server.requests:
        check(arrived)
    with rewriting(server.url, config, "--dialect", "opensearch") as running:
        assert verdict(ask(running.port, raw)) == "passed; signed"


def test_without_credentials_of_aws_nothing_begins(
    aws: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run: Run = runner(monkeypatch, capsys)
    done = run("serve", "--url", "http://127.0.0.1:9", "--port", "0", *SIGN)
    assert done.code != 0
    assert "there are no credentials for AWS" in done.err
