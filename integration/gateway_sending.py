"""Sends a request to one of the cluster's nodes, the next one if a node takes no connection."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from csplade.integration.gateway_headers import Framing, check_prefix, request_headers
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_network import Body
from csplade.integration.gateway_refusals import Headers
from csplade.integration.gateway_signing import anonymous, gathered, signature, spelled, without_signature
from csplade.integration.gateway_upstream import Answer, Node, Upstream, unreachable
from csplade.integration.signing import Signer

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
    """Knows the cluster's nodes; `via` is what this gateway is called in front of it.

    With a `signer` requests without credentials are signed for AWS.
    """

    def __init__(self, upstream: Upstream, via: bytes, signer: Signer | None = None) -> None:
        self._upstream, self._via, self._signer = upstream, via, signer

    def passing(self, headers: Headers) -> Headers:
        """Return a caller's headers, without a signature for AWS if they get another."""
        return headers if self._signer is None else without_signature(headers)

    async def send(self, message: Message, body: Callable[[], Body], exchange: Exchange) -> Answer:
        """Return the answer as soon as its head is there; `body` is asked anew for each node that is tried.

        Raises:
            Refusal: the request may not be sent, no node takes it, or one breaks off.
        """
        if self._signer is not None and anonymous(message.headers):
            return await self._signed(self._signer, message, body(), exchange)

        async def send(node: Node, passed: Headers) -> Answer:
            return await self._upstream.send(message.method, message.target, passed, body(), node)

        return await self._tried(message, send, exchange)

    async def _signed(self, signer: Signer, message: Message, body: Body, exchange: Exchange) -> Answer:
        headers, frame, whole = await gathered(message.headers, message.frame, body)
        complete = replace(message, target=spelled(message.target), headers=headers, frame=frame)

        async def send(node: Node, passed: Headers) -> Answer:
            more = await signature(signer, message.method, node.url + complete.target, whole)
            return await self._upstream.send(message.method, complete.target, [*passed, *more], whole, node)

        return await self._tried(complete, send, exchange)

    async def _tried(
        self, message: Message, send: Callable[[Node, Headers], Awaitable[Answer]], exchange: Exchange
    ) -> Answer:
        """Send to the first node that takes a connection."""
        cause = None
        for node in self._upstream.turns():
            check_prefix(node.address.path, message.target)
            exchange.node = node.host.decode()
            try:
                return await send(node, request_headers(message.headers, node.host, message.frame, self._via))
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
