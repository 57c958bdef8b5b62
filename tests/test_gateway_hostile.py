"""Callers who mean ill, by raw sockets, at a gateway with small limits in front of a real cluster."""

import gzip
import socket
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from csplade.tests.gateway_process import Answer, Gateway, Reader, ask, read_answer, serving
from csplade.tests.raw_upstream import raw_upstream
from csplade.tests.waiting import wait_until

pytestmark = pytest.mark.cluster

MEGABYTE = 2**20
JSON = "content-type: application/json\r\n"
CONNECTIONS = 30


@pytest.fixture(scope="module")
def gateway(opensearch: str) -> Iterator[Gateway]:
    sizes = ("--max-body", "1", "--max-head", "8", "--max-depth", "50", "--max-connections", str(CONNECTIONS))
    with serving(opensearch, *sizes, "--head-timeout", "2", "--idle-timeout", "2") as running:
        yield running


def post(body: bytes, headers: str = JSON, length: int | None = None, target: str = "/_search") -> bytes:
    size = len(body) if length is None else length
    return f"POST {target} HTTP/1.1\r\nhost: a\r\n{headers}content-length: {size}\r\n\r\n".encode() + body


def chunked(*parts: bytes, headers: str = JSON, end: bytes = b"0\r\n\r\n") -> bytes:
    head = f"POST /_search HTTP/1.1\r\nhost: a\r\n{headers}transfer-encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end


# Each ends where one reader sees the end of the request; behind it stands another request.
SMUGGLED = {
    "length and chunks": b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": b"content-length: 0\r\ncontent-length: 4\r\n\r\n",
    "lengths in a list": b"content-length: 0, 4\r\n\r\n",
    "a signed length": b"content-length: +0\r\n\r\n",
    "a length with a tail": b"content-length: 0_0\r\n\r\n",
    "another coding": b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding with a letter before": b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding behind a control character": b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "the coding twice": b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    "a header over two lines": b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a header that goes on with a tab": b"x-a: b\r\n\tc\r\n\r\n",
    "a bare line feed in the head": b"x-a: b\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bare line feed at its end": b"x-a: b\n\r\n",
    "a bare carriage return": b"x-a: b\rx-c: d\r\n\r\n",
    "a zero byte": b"x-a: b\x00c\r\n\r\n",
    "a second host": b"host: b\r\n\r\n",
    "no name": b": b\r\n\r\n",
    "a chunk whose size is signed": b"transfer-encoding: chunked\r\n\r\n-1\r\n\r\n",
    "a chunk with a prefix": b"transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a chunk that is longer than it says": b"transfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "a line feed in a chunk's extension": b"transfer-encoding: chunked\r\n\r\n1;a\nb\r\nc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("rest", SMUGGLED.values(), ids=SMUGGLED)
def test_what_two_readers_could_understand_differently_is_refused_with_all_behind_it(
    gateway: Gateway, index_name: str, rest: bytes
) -> None:
    behind = f"PUT /{index_name} HTTP/1.1\r\nhost: a\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as connection:
        connection.sendall(b"POST /_search HTTP/1.1\r\nhost: a\r\n" + rest + behind)
        reader = Reader(connection)
        answer = read_answer(reader)
        assert answer.status in (400, 501)
        assert answer.refused == "bad_request"
        assert read_answer(reader).status == 0
    head = f"HEAD /{index_name} HTTP/1.1\r\nhost: a\r\n\r\n".encode()
    assert ask(gateway.port, head, "HEAD").status == 404


STARTS = {
    "another host": b"GET http://%b/x HTTP/1.1\r\nhost: a\r\n\r\n",
    "a tunnel": b"CONNECT %b HTTP/1.1\r\nhost: a\r\n\r\n",
    "no slash": b"GET @%b/ HTTP/1.1\r\nhost: a\r\n\r\n",
    "the whole server": b"OPTIONS * HTTP/1.1\r\nhost: %b\r\n\r\n",
    "a fragment": b"GET /x#%b HTTP/1.1\r\nhost: a\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n%b",
    "HTTP/1.9": b"GET / HTTP/1.9\r\nhost: %b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nx-a: %b\r\n\r\n",
    "a trace": b"TRACE / HTTP/1.1\r\nhost: %b\r\n\r\n",
    "a space in the path": b"GET /a b HTTP/1.1\r\nhost: %b\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03%b\r\n\r\n",
}


@pytest.mark.parametrize("raw", STARTS.values(), ids=STARTS)
def test_nobody_is_led_to_another_host(gateway: Gateway, raw: bytes) -> None:
    with raw_upstream() as other:
        answer = ask(gateway.port, raw % f"127.0.0.1:{other.port}".encode())
        assert (answer.status, answer.refused) == (400, "bad_request")
        assert other.seen == []


@pytest.mark.parametrize("header", ["host", "x-forwarded-host", "forwarded", "x-original-url"])
def test_no_header_leads_to_another_host(gateway: Gateway, header: str) -> None:
    with raw_upstream() as other:
        named = f"127.0.0.1:{other.port}"
        own = f"host: {named}\r\n" if header == "host" else f"host: a\r\n{header}: {named}\r\n"
        answer = ask(gateway.port, f"GET / HTTP/1.1\r\n{own}\r\n".encode())
        assert b"cluster_name" in answer.body
        assert other.seen == []


def bomb(size: int) -> bytes:
    return gzip.compress(b" " * size)


PACKED = JSON + "content-encoding: gzip\r\n"
DEEP = b"[" * 51
DEFLATED = JSON + "content-encoding: deflate\r\n"
BODIES = {
    "a length above the limit": (post(b"", length=MEGABYTE + 1), 413, "body_too_large"),
    "a length beyond all numbers": (post(b"", length=10**15), 413, "body_too_large"),
    "more than the limit in chunks": (chunked(*[b" " * 65536] * 17), 413, "body_too_large"),
    "a bomb": (post(bomb(64 * MEGABYTE), PACKED), 413, "body_too_large"),
    "a bomb in chunks": (chunked(bomb(MEGABYTE), bomb(MEGABYTE), headers=PACKED), 413, "body_too_large"),
    "a bomb in many parts": (post(bomb(65536) * 20, PACKED), 413, "body_too_large"),
    "a bomb with deflate": (post(zlib.compress(b" " * 2 * MEGABYTE), DEFLATED), 413, "body_too_large"),
    "a bomb with deflate and no frame": (post(zlib.compress(b" " * 2**21, wbits=-15), DEFLATED), 413, "body_too_large"),
    "gzip that ends too early": (post(gzip.compress(b'{"size": 1}')[:-5], PACKED), 400, "bad_encoding"),
    "gzip that is none": (post(b'{"size": 1}', PACKED), 400, "bad_encoding"),
    "gzip in gzip": (post(b"", JSON + "content-encoding: gzip, gzip\r\n"), 415, "bad_encoding"),
    "another compression": (post(b"\x0b", JSON + "content-encoding: br\r\n"), 415, "bad_encoding"),
    "too many lists": (post(DEEP), 400, "body_too_deep"),
    "too many objects": (post(b'{"a":' * 51), 400, "body_too_deep"),
    "too many lists in chunks": (chunked(*[b"["] * 51), 400, "body_too_deep"),
    "too many lists, packed": (post(gzip.compress(DEEP), PACKED), 400, "body_too_deep"),
    "too many lists behind a broken line": (post(b'{"\n' + DEEP), 400, "body_too_deep"),
    "too many lists in a parameter": (post(b"", target="/_search?source=" + "%5B" * 51), 400, "body_too_deep"),
    "too many lists in a parameter spelt otherwise": (
        post(b"", target="/_search?s%6Furce=" + "%5B" * 51),
        400,
        "body_too_deep",
    ),
    "too many lists behind a semicolon": (
        post(b"", target="/_search?size=1;source=" + "%5B" * 51),
        400,
        "body_too_deep",
    ),
    "too many lists in capitals": (post(DEEP, "content-type: Application/JSON\r\n"), 400, "body_too_deep"),
    "too many lists of any kind": (post(DEEP, "content-type: application/*\r\n"), 400, "body_too_deep"),
    "too many lists with a parameter of their kind": (
        post(DEEP, "content-type: application/json;a=cbor\r\n"),
        400,
        "body_too_deep",
    ),
    "too many lists behind a comment": (post(b'{"a": 1 /* " */, "b":' + b'{"c":' * 50), 400, "body_too_deep"),
    "JSON in UTF-16": (post('{"∀": 1}'.encode("utf-16-le")), 400, "bad_encoding"),
    "JSON in UTF-32": (post('{"∀": 1}'.encode("utf-32")), 400, "bad_encoding"),
    "JSON in UTF-16 in a parameter": (post(b"", target="/_search?source=%7B%00%22%00"), 400, "bad_encoding"),
    "JSON in the cluster's own packing": (post(b"DFL\0" + zlib.compress(DEEP, wbits=-15)), 400, "bad_encoding"),
    "a head that comes whole": (b"GET / HTTP/1.1\r\nhost: a\r\nx-a: %b\r\n\r\n" % (b"a" * 9000), 431, "head_too_large"),
    "a target that is too long": (b"GET /%b HTTP/1.1\r\nhost: a\r\n\r\n" % (b"a" * 9000), 431, "head_too_large"),
}


@pytest.mark.parametrize(("raw", "status", "reason"), BODIES.values(), ids=BODIES)
def test_too_much_is_refused(gateway: Gateway, raw: bytes, status: int, reason: str) -> None:
    answer = ask(gateway.port, raw)
    assert (answer.status, answer.refused) == (status, reason), answer.body
    assert b'"status":%d' % status in answer.body
    assert ask(gateway.port, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").status == 200


def test_a_large_body_is_refused_while_it_is_sent_and_the_caller_can_read_why(gateway: Gateway) -> None:
    answer = ask(gateway.port, post(bytes(3 * MEGABYTE)))
    assert (answer.status, answer.refused, answer.whole) == (413, "body_too_large", True)


def test_brackets_in_texts_are_no_levels(gateway: Gateway) -> None:
    text = b"[{" * 400 + b'\\"' + b"[" * 400
    answer = ask(gateway.port, post(b'{"query": {"match": {"a": "' + text + b'"}}}'))
    assert answer.status == 200


def slowly(gateway: Gateway, first: bytes, drop: bytes = b"", pause: float = 0.3) -> tuple[Answer, float]:
    """Send something, then a byte now and then, until an answer comes; return it, and after how many seconds."""
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        began = time.monotonic()
        connection.sendall(first)
        connection.settimeout(pause)
        while time.monotonic() - began < 30:
            try:
                connection.recv(1, socket.MSG_PEEK)
                break
            except TimeoutError:
                connection.sendall(drop)
        seconds = time.monotonic() - began
        connection.settimeout(60)
        return read_answer(Reader(connection)), seconds


SLOW = {
    "nothing": (b"", b"", "head_too_slow"),
    "a head by bytes": (b"GET / HTTP/1.1\r\nhost: a\r\n", b"a", "head_too_slow"),
    "half a line": (b"GET", b"", "head_too_slow"),
    "half a body": (post(b"{", length=1000), b"", "body_too_slow"),
    "a body by bytes": (post(b"{", length=100_000), b" ", "body_too_slow"),
    "no last chunk": (chunked(b"{", end=b""), b"", "body_too_slow"),
}


def test_what_comes_too_slowly_is_given_up(gateway: Gateway) -> None:
    with ThreadPoolExecutor(len(SLOW)) as callers:
        found = [*callers.map(lambda case: slowly(gateway, *case[:2]), SLOW.values())]
    for (name, (*_, reason)), (answer, seconds) in zip(SLOW.items(), found, strict=True):
        assert (answer.status, answer.refused) == (408, reason), name
        assert 1.5 < seconds < 20, name


@pytest.mark.parametrize(
    "raw", [post(b"{", length=10), chunked(b"{", end=b""), b"GET / HTT"], ids=["length", "chunks", "head"]
)
def test_a_request_that_ends_before_its_end_is_refused(gateway: Gateway, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        assert read_answer(Reader(connection)).status == 400


def test_too_many_connections_are_turned_away_and_room_is_made_again(opensearch: str) -> None:
    # None of them is given up while the others come.
    with serving(opensearch, "--max-connections", str(CONNECTIONS), "--head-timeout", "60") as gateway:
        with ExitStack() as stack:
            for _ in range(CONNECTIONS):
                stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
            answer = ask(gateway.port, b"")
            assert (answer.status, answer.refused) == (503, "too_many")
        wait_until(lambda: ask(gateway.port, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").status == 200, 30)


def test_refusals_are_counted_by_reason(gateway: Gateway) -> None:
    before = gateway.counts()
    ask(gateway.port, post(DEEP))
    ask(gateway.port, b"GET / HTTP/1.1\nhost: a\n\n")
    wait_until(lambda: gateway.counts()["in_flight"] == 0)
    after = gateway.counts()
    for reason in ("body_too_deep", "bad_request"):
        name = f'refused_total{{reason="{reason}"}}'
        assert after[name] == before[name] + 1
