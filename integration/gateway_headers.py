"""Heads of requests and answers as they are passed on: whose headers end here, and what may be asked for; pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from csplade.integration.gateway_refusals import Headers, Reason, Refusal

# Headers that are about one connection (RFC 9110, 7.6.1), whatever `Connection` names beside.
_HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings"),
    )
)
# They go on to the cluster, whatever `Connection` says.
_NEVER_NAMED = frozenset((b"authorization", b"content-length", b"content-type", b"content-encoding", b"host"))
# Not where its weight is 0.
_GZIP = re.compile(rb"(?i)(?:^|[,\s])(?:x-)?gzip\s*(?:,|$|;\s*q=(?!0(?:\.0*)?\s*(?:,|$)))")
_VERSIONS = ("1.0", "1.1")
_METHODS_OF_PROXIES = ("CONNECT", "PRI", "TRACE")


@dataclass(frozen=True, slots=True)
class Framing:
    """How long a request's body is."""

    length: int | None
    """In bytes; None: not said beforehand."""
    chunked: bool

    @property
    def empty(self) -> bool:
        """Return whether there is no body."""
        return not self.chunked and not self.length


def framing(headers: Headers) -> Framing:
    """Return how the body is framed; header names are lower case.

    Raises:
        Refusal: two readers of the request could see different ends of its body.
    """
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if lengths and codings:
        raise _bad("it has both Content-Length and Transfer-Encoding: send one of them")
    if codings and codings != [b"chunked"]:
        raise _bad("its Transfer-Encoding is not just chunked: send it so, or with Content-Length")
    if len(lengths) > 1 or (lengths and not lengths[0].isdigit()):
        raise _bad("its Content-Length is not one number: send one")
    return Framing(int(lengths[0]) if lengths else None, bool(codings))


def check_start(method: str, target: bytes, version: str) -> None:
    """Check a request line.

    Raises:
        Refusal: it asks for another host, for a tunnel, or in another protocol.
    """
    if version not in _VERSIONS:
        raise _bad(f"HTTP {version} is not spoken here: use HTTP/1.1")
    if method in _METHODS_OF_PROXIES:
        raise _bad(f"the method {method} is not forwarded")
    if not target.startswith(b"/") or b"#" in target:
        raise _bad("its target is not a path of the cluster: begin it with a slash, without a host or a fragment")


def check_connection(headers: Headers) -> None:
    """Check that nobody makes a header vanish on its way to the cluster that could tell who asks, or as whom.

    What is about one connection alone is known, and ends here anyway.

    Raises:
        Refusal: `Connection` names another header that is there.
    """
    named = _named(headers) - _HOP_BY_HOP
    for name, _ in headers:
        if name in named:
            shown = name.decode("latin-1")
            raise _bad(f"its Connection names {shown}, which is no header of a connection: leave it out there")


def check_prefix(prefix: str, target: bytes) -> None:
    """Check that a target stays below the prefix of the cluster's address.

    Raises:
        Refusal: it has steps upwards, which could lead out of it.
    """
    if not prefix:
        return
    path = unquote_to_bytes(target.partition(b"?")[0]).replace(b"\\", b"/")
    if any(step in (b".", b"..") for step in path.split(b"/")):
        raise _bad("its path has . or .. as a step, which is not forwarded: write the path without it")


def request_headers(headers: Headers, host: bytes, frame: Framing, via: bytes) -> Headers:
    """Return the headers of the request to the cluster; all of the caller's but those of its connection.

    Raises:
        Refusal: the request has come through this gateway before.
    """
    passed = [
        (name, value)
        for name, value in _passing(headers)
        if name != b"host" and not (name == b"expect" and value.lower() == b"100-continue")
    ]
    routes = b", ".join(value for name, value in passed if name == b"via")
    if via in routes:
        raise Refusal(508, Reason.LOOP, "the gateway forwards to itself: give it the address of the cluster")
    passed = [pair for pair in passed if pair[0] != b"via"]
    passed.append((b"via", b"%b, %b" % (routes, via) if routes else via))
    if frame.chunked:
        passed.append((b"transfer-encoding", b"chunked"))
    return [(b"host", host), *passed]


def answer_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers of the answer to the caller, in their order and spelling."""
    return _passing(headers)


def readable_answer(headers: Headers) -> Headers:
    """Return a request's headers so that its answer comes in the clear, or as gzip if that is wanted among others."""
    said = [value for name, value in headers if name == b"accept-encoding"]
    others = [(name, value) for name, value in headers if name != b"accept-encoding"]
    return [*others, (b"accept-encoding", b"gzip")] if _GZIP.search(b",".join(said)) else others


def coding_of(headers: Headers) -> bytes:
    """Return how an answer's body is packed, empty for not at all."""
    return next((value.strip().lower() for name, value in headers if name.lower() == b"content-encoding"), b"")


def _passing(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    headers = list(headers)
    ended = _HOP_BY_HOP | _named(headers)
    return [(name, value) for name, value in headers if name.lower() not in ended]


def _named(headers: Headers) -> set[bytes]:
    """Return what `Connection` names."""
    values = [value for name, value in headers if name.lower() == b"connection"]
    return {token.strip().lower() for value in values for token in value.split(b",")} - _NEVER_NAMED


def _bad(why: str) -> Refusal:
    return Refusal(400, Reason.BAD_REQUEST, f"the request is not forwarded: {why}")
