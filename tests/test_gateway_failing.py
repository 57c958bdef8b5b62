"""A cluster that hangs, breaks off, says nonsense, vanishes and comes back; and what it hears of callers."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from csplade.integration.client import connect
from csplade.integration.node import NodeOptions, start
from csplade.tests.gateway_process import Gateway, Reader, ask, read_answer, serving
from csplade.tests.local_node import running
from csplade.tests.raw_upstream import RawUpstream, Relay, raw_upstream
from csplade.tests.waiting import wait_until

REQUESTS = 8


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    with raw_upstream() as listening:
        yield listening


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream) -> Iterator[Gateway]:
    with serving(upstream.url, "--timeout", "2", "--max-requests", str(REQUESTS)) as started:
        yield started


@pytest.fixture(scope="module")
def patient(upstream: RawUpstream) -> Iterator[Gateway]:
    """Give a gateway that waits longer for the cluster than these tests do, however busy the machine is."""
    with serving(upstream.url, "--timeout", "60", "--max-requests", str(REQUESTS)) as started:
        yield started


def get(target: str, headers: str = "") -> bytes:
    return f"GET {target} HTTP/1.1\r\nhost: a\r\n{headers}\r\n".encode()


@pytest.mark.parametrize("target", ["/nothing", "/nonsense", "/two-lengths"])
def test_nonsense_becomes_a_502(gateway: Gateway, target: str) -> None:
    answer = ask(gateway.port, get(target))
    assert (answer.status, answer.refused) == (502, "bad_answer")


def test_an_answer_that_could_be_read_in_two_ways_is_given_in_one(gateway: Gateway) -> None:
    # It has a bare line feed, which ends a line for some readers and not for others.
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as connection:
        connection.sendall(get("/split", "connection: close\r\n"))
        raw = b"".join(iter(lambda: connection.recv(65536), b""))
    assert raw.startswith(b"HTTP/1.1 200 OK\r\nx-a: b\r\nset-cookie: c\r\n")
    assert raw.count(b"\n") == raw.count(b"\r\n")


@pytest.mark.parametrize("target", ["/half", "/half-chunked"])
def test_half_an_answer_is_never_taken_for_a_whole_one(gateway: Gateway, target: str) -> None:
    before = gateway.counts()["broken_answers_total"]
    answer = ask(gateway.port, get(target))
    assert (answer.status, answer.whole) == (200, False)
    assert gateway.counts()["broken_answers_total"] == before + 1


def test_a_caller_who_takes_a_large_answer_slowly_gets_all_of_it(upstream: RawUpstream) -> None:
    # With more time than the others have, as a busy machine takes some.
    with serving(upstream.url) as gateway, socket.socket() as connection:
        # Little room on the way, so that most of it waits in the gateway.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", gateway.port))
        connection.sendall(get("/large", "connection: close\r\n"))
        time.sleep(1.2)
        answer = read_answer(Reader(connection))
    assert (answer.status, answer.whole, len(answer.body)) == (200, True, 8_000_000)


def test_a_cluster_that_does_not_answer_in_time_becomes_a_504(gateway: Gateway) -> None:
    began = time.monotonic()
    answer = ask(gateway.port, get("/hang"))
    assert (answer.status, answer.refused) == (504, "too_late")
    assert 1.5 < time.monotonic() - began < 30


def test_the_cluster_hears_that_a_caller_has_left(patient: Gateway, upstream: RawUpstream) -> None:
    before = len(upstream.seen)
    with socket.create_connection(("127.0.0.1", patient.port)) as connection:
        connection.sendall(get("/hang"))
        wait_until(lambda: len(upstream.seen) > before)
        upstream.left.clear()
    # Well before the gateway's own limit.
    assert upstream.left.wait(30)
    wait_until(lambda: any(line["ended"] == "gone" for line in patient.log()))


def test_headers_of_one_connection_end_at_the_gateway(gateway: Gateway, upstream: RawUpstream) -> None:
    hops = "Connection: keep-alive, TE, X-None, Authorization\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
    more = "Proxy-Authorization: Basic eDp5\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    kept = "Authorization: Basic dTpw\r\nX-Opaque-Id: one\r\nX-A: 1\r\nX-A: 2\r\nCookie: a=b\r\nVia: 1.1 other\r\n"
    ask(gateway.port, get("/seen?a=%20b&a=+", hops + more + kept))
    start, *lines = upstream.seen[-1].decode().lower().split("\r\n\r\n")[0].split("\r\n")
    assert start == "get /seen?a=%20b&a=+ http/1.1"
    assert lines[0] == f"host: 127.0.0.1:{upstream.port}"
    assert lines[1:-1] == ["authorization: basic dtpw", "x-opaque-id: one", "x-a: 1", "x-a: 2", "cookie: a=b"]
    assert lines[-1].startswith("via: 1.1 other, 1.1 csplade-")


@pytest.mark.parametrize(
    "name", ["es-security-runas-user", "X-Proxy-Roles", "x-forwarded-user", "Cookie", "X-Amz-Security-Token", "x-own"]
)
def test_no_caller_drops_a_header_that_tells_who_asks(gateway: Gateway, upstream: RawUpstream, name: str) -> None:
    before = len(upstream.seen)
    answer = ask(gateway.port, get("/seen", f"{name}: nobody\r\nConnection: keep-alive,{name}\r\n"))
    assert (answer.status, answer.refused) == (400, "bad_request")
    assert len(upstream.seen) == before
    ask(gateway.port, get("/seen", f"{name}: nobody\r\n"))
    assert f"\r\n{name}: nobody\r\n".lower().encode() in upstream.seen[-1].lower()


def test_headers_of_the_answer_keep_their_order_and_those_of_its_connection_end(gateway: Gateway) -> None:
    answer = ask(gateway.port, get("/hops"))
    own = [pair for pair in answer.headers if pair[0] != "connection"]
    assert own == [
        *(("x-kept", "a"), ("x-kept", "b")),
        *(("set-cookie", "one=1"), ("set-cookie", "two=2"), ("content-length", "0")),
    ]
    assert answer.header("connection") != "close"


def test_no_caller_gets_the_cookie_of_another(gateway: Gateway, upstream: RawUpstream) -> None:
    ask(gateway.port, get("/hops"))
    ask(gateway.port, get("/seen"))
    assert b"cookie" not in upstream.seen[-1].lower()


def test_a_caller_who_waits_for_permission_to_send_gets_it(gateway: Gateway, upstream: RawUpstream) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as connection:
        connection.sendall(b"POST /seen HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        # Before anything of the body is sent.
        assert connection.recv(13, socket.MSG_PEEK).startswith(b"HTTP/1.1 100")
        connection.sendall(b"{}")
        answer = read_answer(Reader(connection))
    assert (answer.interim, answer.status) == ([100], 200)
    assert b"expect" not in upstream.seen[-1].lower()


def test_requests_that_follow_without_a_pause_are_answered_in_order(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as connection:
        connection.sendall(get("/slow") + get("/nothing") + get("/seen") + get("/hops"))
        reader = Reader(connection)
        assert [read_answer(reader).status for _ in range(4)] == [200, 502, 200, 200]


def test_more_requests_at_once_than_allowed_are_turned_away(patient: Gateway, upstream: RawUpstream) -> None:
    before = len(upstream.seen)
    with ExitStack() as stack:
        for _ in range(REQUESTS):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", patient.port)))
            connection.sendall(get("/hang"))
        wait_until(lambda: len(upstream.seen) >= before + REQUESTS)
        answer = ask(patient.port, get("/seen"))
        assert (answer.status, answer.refused, answer.header("retry-after")) == (503, "too_many", "1")
        assert ask(patient.port, get("/_csplade/live")).status == 200


@pytest.mark.cluster
def test_the_cluster_vanishes_and_comes_back(opensearch: str) -> None:
    relay = Relay(int(opensearch.rpartition(":")[2]))
    with serving(f"http://127.0.0.1:{relay.port}") as gateway:
        assert b"cluster_name" in ask(gateway.port, get("/")).body
        assert ask(gateway.port, get("/_csplade/health")).status == 200
        relay.vanish()
        for _ in range(5):
            answer = ask(gateway.port, get("/"))
            assert (answer.status, answer.refused) == (502, "unreachable")
        time.sleep(1.1)
        assert ask(gateway.port, get("/_csplade/health")).status == 503
        relay.come_back()
        assert b"cluster_name" in ask(gateway.port, get("/")).body
        time.sleep(1.1)
        assert ask(gateway.port, get("/_csplade/health")).status == 200
    relay.vanish()


@pytest.mark.cluster
def test_a_cluster_that_is_killed_and_started_again_is_found_again() -> None:
    with running(NodeOptions(port=0, heap_mb=512)) as node, serving(f"http://127.0.0.1:{node.port}") as gateway:
        client = connect(gateway.url)
        client.index(index="a", id="1", body={"text": "bread"})
        for process in node.processes:
            os.kill(process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while (answer := ask(gateway.port, get("/a/_doc/1"))).status == 200:
            assert time.monotonic() < deadline
        assert (answer.status, answer.refused) in ((502, "unreachable"), (502, "bad_answer"))
        assert ask(gateway.port, get("/a/_doc/1")).refused == "unreachable"
        start(NodeOptions(port=node.port, heap_mb=512, quick_start=True, data=node.data, patience_seconds=600))
        assert client.get(index="a", id="1")["_source"] == {"text": "bread"}


@pytest.mark.cluster
def test_a_node_that_is_down_is_passed_over(opensearch: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    body = b'{"size": 0}'
    raw = b"POST /_search HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n" + body
    with serving(f"http://127.0.0.1:{closed},{opensearch}") as gateway:
        assert {ask(gateway.port, raw).status for _ in range(6)} == {200}


def test_a_gateway_in_front_of_itself_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with serving(f"http://127.0.0.1:{port}", "--port", str(port)) as gateway:
        answer = ask(gateway.port, get("/"))
        assert (answer.status, answer.refused) == (508, "loop")


def test_workers_end_when_the_process_that_minds_them_is_killed(upstream: RawUpstream) -> None:
    with serving(upstream.url) as gateway:
        assert ask(gateway.port, get("/seen")).status == 200
        gateway.process.kill()
        gateway.process.wait()
        deadline = time.monotonic() + 60
        with suppress(ConnectionRefusedError):
            while time.monotonic() < deadline:
                socket.create_connection(("127.0.0.1", gateway.port)).close()
                time.sleep(0.1)
            raise AssertionError("somebody still listens")
