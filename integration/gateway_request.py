"""One request that may be rewritten, with its body: gathered up to a limit, or else passed on as it streams."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from csplade.integration.gateway_body import BodyGuard
from csplade.integration.gateway_json import beginning, unpacked
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_network import Body
from csplade.integration.gateway_params import Params
from csplade.integration.gateway_refusals import Headers
from csplade.integration.gateway_sending import Message, with_body
from csplade.integration.gateway_signing import signed
from csplade.integration.gateway_targets import Target
from csplade.integration.gateway_transfer import Transfer
from csplade.integration.gateway_verdict import Why

# Answers in which nobody here could see that shards failed.
_OTHER_FORMS = (b"cbor", b"smile", b"yaml")


@dataclass(frozen=True)
class Request:
    """A request on its way."""

    target: Target
    message: Message
    path: bytes
    params: Params
    transfer: Transfer
    guard: BodyGuard

    @property
    def exchange(self) -> Exchange:
        """Return what is written down of it."""
        return self.transfer.exchange

    @property
    def headers(self) -> Headers:
        """Return the caller's headers."""
        return self.message.headers

    @property
    def signed(self) -> bool:
        """Return whether the caller vouches for its very bytes."""
        return signed(self.headers)

    @property
    def answered_otherwise(self) -> bool:
        """Return whether the caller wants another form of answer than JSON."""
        accepted = self._header(b"accept").lower()
        return self.params.get("format") not in (None, "json") or any(form in accepted for form in _OTHER_FORMS)

    @property
    def coding(self) -> bytes:
        """Return how the body is packed."""
        return self._header(b"content-encoding").strip().lower()

    def whole(self, plain: bytes) -> bytes:
        """Return its body, or what the parameter `source` has in the place of one."""
        return plain or (self.params.source or "").encode(errors="surrogatepass")

    def _header(self, name: bytes) -> bytes:
        return next((value for key, value in self.headers if key == name), b"")


def changed(request: Request, params: Params, body: bytes | None) -> "tuple[Request, Gathered]":
    """Return a request with other parameters and another body, in the clear; None: it has none."""
    query = params.written()
    target = request.path + b"?" + query if query else request.path
    headers, frame = request.headers, request.message.frame
    if body is not None:
        headers, frame = with_body(headers, len(body), not frame.empty)
    message = Message(request.message.method, target, headers, frame)
    new = replace(request, message=message, params=params)
    return new, Gathered(new, body or b"", None)


class Gathered:
    """A request's body: its beginning, and the rest, which nobody has read yet, if there is more."""

    def __init__(self, request: Request, head: bytes, rest: AsyncIterator[bytes] | None) -> None:
        self._request, self._head, self._rest = request, head, rest

    def plain(self, largest: int) -> bytes | None:
        """Return the whole body, unpacked; None if it is larger, or packed in a way that is not known."""
        return None if self._rest is not None else unpacked(self._head, self._request.coding, largest)

    def read(self, largest: int) -> bytes | Why:
        """Return the whole body, unpacked, or why it is not read."""
        plain = self.plain(largest)
        if plain is not None:
            return plain
        more = self._rest is not None or len(beginning(self._head, self._request.coding, largest + 1)) > largest
        return Why.TOO_LARGE if more else Why.NOT_READ

    @property
    def size(self) -> int:
        """Return how many bytes are here."""
        return len(self._head)

    def of(self, request: Request) -> "Gathered":
        """Return the same body of a request that differs in its parameters alone."""
        return Gathered(request, self._head, self._rest)

    def body(self) -> Body:
        """Return it as it is sent on."""
        if self._request.message.frame.empty:
            return None
        return self._head if self._rest is None else _chained(self._head, self._rest)


async def gather(request: Request, most: int) -> Gathered:
    """Read a request's body, at most about so many bytes of it.

    Raises:
        Refusal: it comes too slowly, or it is not as it should be.
        CallerGone: it ends too early.
    """
    if request.message.frame.empty:
        return Gathered(request, b"", None)
    stream = request.transfer.body(request.guard)
    pieces: list[bytes] = []
    size = 0
    async for piece in stream:
        pieces.append(piece)
        size += len(piece)
        if size > most:
            return Gathered(request, b"".join(pieces), stream)
    return Gathered(request, b"".join(pieces), None)


async def _chained(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for piece in rest:
        yield piece
