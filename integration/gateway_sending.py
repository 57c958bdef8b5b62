"""Sends a request to one of the cluster's nodes, the next one if a node takes no connection."""

from collections.abc import Callable
from dataclasses import dataclass

from csplade.integration.gateway_headers import Framing, check_prefix, request_headers
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_network import Body
from csplade.integration.gateway_refusals import Headers
from csplade.integration.gateway_upstream import Answer, Upstream, unreachable

EMPTY = Framing(None, chunked=False)

_ABOUT_A_BODY = (b"content-length", b"content-encoding", b"content-type")
_OF_ELASTICSEARCH = b"vnd.elasticsearch+json"


@dataclass(frozen=True)
class Message:
    """A request as it goes to the cluster."""

    method: str
    target: bytes
    """Path and parameters."""
    headers: Headers
    """The caller's, or what was made of them."""
    frame: Framing


class Sender:
    """Knows the cluster's nodes; `via` is what this gateway is called in front of it."""

    def __init__(self, upstream: Upstream, via: bytes) -> None:
        self._upstream, self._via = upstream, via

    async def send(self, message: Message, body: Callable[[], Body], exchange: Exchange) -> Answer:
        """Return the answer as soon as its head is there; `body` is asked anew for each node that is tried.

        Raises:
            Refusal: the request may not be sent, no node takes it, or one breaks off.
        """
        cause = None
        for node in self._upstream.turns():
            check_prefix(node.address.path, message.target)
            exchange.node = node.host.decode()
            passed = request_headers(message.headers, node.host, message.frame, self._via)
            try:
                return await self._upstream.send(message.method, message.target, passed, body(), node)
            except ConnectionError as error:
                # Nothing was sent, not even a part of the body.
                self._upstream.leave_out(node)
                cause = error
        raise unreachable(self._upstream.nodes, cause) from cause

    async def ask(self, target: bytes, headers: Headers, exchange: Exchange, most: int) -> tuple[int, bytes]:
        """Ask the cluster something with a caller's credentials; return the status and at most `most` bytes, unpacked.

        Raises:
            Refusal: as `send`.
        """
        left_out = (*_ABOUT_A_BODY, b"transfer-encoding", b"accept", b"accept-encoding", b"expect")
        own = [(name, value) for name, value in headers if name not in left_out]
        answer = await self.send(Message("GET", target, own, EMPTY), lambda: None, exchange)
        try:
            return answer.status, await answer.peek(most)
        finally:
            await answer.close()


def with_body(headers: Headers, length: int, had_body: bool) -> tuple[Headers, Framing]:
    """Return headers of a request whose body is another one now, in the clear, and how it is framed."""
    left_out = (b"content-length", b"content-encoding", b"transfer-encoding")
    kept = [(name, value) for name, value in headers if name not in left_out]
    if not had_body:
        kept = [(name, value) for name, value in kept if name != b"content-type"]
        kept.append((b"content-type", _kind(headers)))
    return [*kept, (b"content-length", str(length).encode())], Framing(length, chunked=False)


def _kind(headers: Headers) -> bytes:
    # Elasticsearch wants the same version of its interface in both headers.
    accepted = next((value for name, value in headers if name == b"accept"), b"")
    return accepted if _OF_ELASTICSEARCH in accepted and b"," not in accepted else b"application/json"
