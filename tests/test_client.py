"""The connection: whatever goes wrong below, one of our errors in one sentence, and no password anywhere."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from csplade.integration.client import Access, address, connect
from csplade.integration.errors import ClusterError, CredentialsError, RequestError, UnreachableError
from csplade.integration.index import require_index
from csplade.pipelines.errors import UsageError
from csplade.tests.one_answer import Server, running

SECRET = "hünter:2"


def failure(url: str, access: Access | None = None) -> ClusterError:
    with pytest.raises(ClusterError) as caught:
        connect(url, access or Access()).info()
    assert SECRET not in str(caught.value)
    return caught.value


def test_nothing_listening_says_how_to_start_or_name_a_cluster() -> None:
    error = failure("http://user:h%C3%BCnter%3A2@127.0.0.1:9")
    assert isinstance(error, UnreachableError)
    assert str(error) == (
        "no cluster answers at http://127.0.0.1:9 (Connection refused): "
        "start one with `csplade node start`, or give --url"
    )


def test_a_host_that_is_not_there_is_unreachable() -> None:
    assert isinstance(failure("http://nothing.invalid:9200"), UnreachableError)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_told_without_them(status: int) -> None:
    with running(Server(status, b"{}")) as server:
        error = failure(f"http://user:h%C3%BCnter%3A2@{server.address_after_scheme}")
    assert isinstance(error, CredentialsError)
    assert "user" in str(error)
    assert "@" not in str(error)  # No example that teaches passwords in a command line.
    assert ("CSPLADE_USER and CSPLADE_PASSWORD" in str(error)) == (status == 401)


@pytest.mark.parametrize(
    ("in_url", "access", "sent"),
    [
        ("user:h%C3%BCnter%3A2@", Access(), "Basic dXNlcjpow7xudGVyOjI="),
        ("", Access("user", SECRET), "Basic dXNlcjpow7xudGVyOjI="),
        ("user:h%C3%BCnter%3A2@", Access("other", "x"), "Basic dXNlcjpow7xudGVyOjI="),
        ("", Access(), None),
        ("", Access(""), None),
        ("", Access("", ""), None),
        ("user@", Access("other", "x"), "Basic dXNlcjo="),
    ],
)
def test_credentials_arrive_as_they_were_given(in_url: str, access: Access, sent: str | None) -> None:
    with running(Server(200, b"{}")) as server:
        connect(f"http://{in_url}{server.address_after_scheme}", access).info()
        assert server.authorization == sent


@pytest.mark.parametrize(
    ("url", "access"),
    [("https://h", Access(None, SECRET)), ("https://h", Access("", SECRET)), ("https://:x@h", Access("user", "y"))],
)
def test_a_password_without_a_user_is_wrong_usage(url: str, access: Access) -> None:
    with pytest.raises(UsageError, match="set CSPLADE_USER beside CSPLADE_PASSWORD") as caught:
        connect(url, access)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("search.example", "https://search.example:443"),
        ("search.example:9200/x", "https://search.example:9200/x"),
        ("user:geheim@192.0.2.1:9200", "https://192.0.2.1:9200"),
        ("localhost", "http://localhost:9200"),
        ("127.0.0.2:9201", "http://127.0.0.2:9201"),
        ("[::1]", "http://[::1]:9200"),
    ],
)
def test_credentials_without_a_scheme_go_over_tls_unless_to_this_machine(
    url: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert address(connect(url, Access("user", SECRET))) == where
    assert caplog.records == []


def test_credentials_that_are_sent_unencrypted_are_told_without_them(caplog: pytest.LogCaptureFixture) -> None:
    for url in ("http://search.example", "http://user:h%C3%BCnter%3A2@search.example"):
        caplog.clear()
        assert address(connect(url, Access("user", SECRET))) == "http://search.example:9200"
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("csplade.integration.addresses", logging.WARNING)
        assert "unencrypted to search.example: write https://" in record.getMessage()
        assert SECRET not in record.getMessage()
    caplog.clear()
    connect("http://search.example")
    connect("http://localhost", Access("user", SECRET))
    assert caplog.records == []


def test_no_representation_shows_a_password() -> None:
    client = connect("https://user:geheim@h:9200/x/")
    assert "geheim" not in f"{client!r} {client.transport.hosts} {Access('user', 'geheim')!r}"
    assert "dXNlcjpnZWhlaW0" not in f"{client!r} {client.transport.hosts}"
    assert address(client) == "https://h:9200/x"


def test_a_server_without_tls_is_told_apart_from_none() -> None:
    with running(Server(200, b"{}")) as server:
        error = failure(f"https://{server.address_after_scheme}")
    assert isinstance(error, UnreachableError)
    assert "TLS" in str(error)
    assert "--ca-certs" in str(error)


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"<html>", "text/html"), (b"{}", "application/json"), (b"[1]", "application/json"), (b"{", "application/json")],
)
def test_what_is_no_search_cluster_is_told(body: bytes, kind: str) -> None:
    with running(Server(200, body, kind)) as server, pytest.raises(RequestError, match="check --url"):
        require_index(connect(f"http://{server.address_after_scheme}"), "articles", None)


def test_the_reason_of_the_server_is_given_once_with_its_cause() -> None:
    detail = {"type": "outer", "reason": "no: inner", "caused_by": {"reason": "inner", "caused_by": {"reason": "deep"}}}
    with running(Server(400, json.dumps({"error": detail}).encode())) as server:
        error = failure(f"http://{server.address_after_scheme}")
    assert isinstance(error, RequestError)
    assert (error.status, error.kind) == (400, "outer")
    assert str(error).endswith("answered 400 (outer): no: inner: deep; look at the cluster's log")


@pytest.mark.parametrize(
    ("status", "detail", "step"),
    [
        (
            429,
            {"type": "rejected_execution_exception", "reason": "queue is full"},
            "the cluster is busy, try again later",
        ),
        (413, "too large", "shorten what is sent, or let the cluster and the proxies before it take larger requests"),
        (
            400,
            {"type": "x", "reason": "analyzer [a] not found"},
            "choose one of the cluster's analyzers with --analyzer",
        ),
        (500, {"type": "x", "reason": "y"}, "look at the cluster's log"),
    ],
)
def test_an_answer_that_is_an_error_comes_with_the_next_step(status: int, detail: object, step: str) -> None:
    with running(Server(status, json.dumps({"error": detail}).encode())) as server:
        error = failure(f"http://{server.address_after_scheme}")
    assert isinstance(error, RequestError)
    assert str(error).endswith(f"; {step}")


def test_a_block_of_an_index_is_not_told_as_a_lack_of_rights() -> None:
    detail = {"type": "cluster_block_exception", "reason": "index [a] blocked by: [FORBIDDEN/8/index write (api)];"}
    with running(Server(403, json.dumps({"error": detail}).encode())) as server:
        error = failure(server.url)
    assert isinstance(error, RequestError)
    assert (error.status, error.kind) == (403, "cluster_block_exception")
    assert "look at the blocks in the index's settings" in str(error)


def test_what_stands_before_a_cluster_may_say_why_in_a_message() -> None:
    for name in ("message", "Message"):
        with running(Server(403, json.dumps({name: "User: anonymous is not authorized"}).encode())) as server:
            error = failure(server.url)
        assert isinstance(error, CredentialsError)
        assert "(User: anonymous is not authorized)" in str(error)


def test_requests_at_once_keep_their_connections(caplog: pytest.LogCaptureFixture) -> None:
    with running(Server(200, b"{}")) as server, ThreadPoolExecutor(8) as pool:
        client = connect(server.url)
        for asked in [pool.submit(client.info) for _ in range(80)]:
            asked.result()
    assert [record for record in caplog.records if "pool is full" in record.getMessage()] == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h",
        "http://",
        "http://h:99999",
        "http://h:x",
        "http://user:geheim@h:x",
        "",
        "http://[::1",
        "http://u:12/geheim@h",
        "http://u:1#geheim@h",
    ],
)
def test_an_address_that_is_none_is_wrong_usage(url: str) -> None:
    with pytest.raises(UsageError, match="is not the address of a cluster") as caught:
        connect(url)
    assert "geheim" not in str(caught.value)


def test_the_scheme_and_the_port_may_be_left_out() -> None:
    assert address(connect("search.example")) == "http://search.example:9200"
    assert address(connect("https://search.example")) == "https://search.example:443"


@pytest.mark.cluster
def test_the_server_gives_its_reason(opensearch: str) -> None:
    said = r"404 \(index_not_found_exception\): no such index \[not-there\]; correct --index"
    with pytest.raises(RequestError, match=said) as caught:
        connect(opensearch).search(index="not-there", body={})
    assert caught.value.status == 404
