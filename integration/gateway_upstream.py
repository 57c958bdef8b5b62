"""Connections to the one cluster: requests go out byte for byte as they are given, answers come back unread.

Nothing but the configured addresses is ever connected to. Cookies, redirects and proxies of the environment, which an
ordinary HTTP client would mind, do not exist here.
"""

import ssl
import time
from collections.abc import AsyncIterator, Sequence

import h11
from csplade.integration.addresses import Address
from csplade.integration.gateway_config import Limits
from csplade.integration.gateway_ease import at_ease
from csplade.integration.gateway_headers import coding_of
from csplade.integration.gateway_json import UnreadJson, beginning, read_json
from csplade.integration.gateway_network import Body, BrokenConnection, Connection, NothingTaken, open_connection
from csplade.integration.gateway_refusals import Headers, Reason, Refusal

_LEFT_OUT_SECONDS = 10.0


class Node:
    """One address, and the connections to it that wait for a next request."""

    def __init__(self, address: Address, context: ssl.SSLContext | None) -> None:
        self.address = address
        self._context = context
        self._idle: list[Connection] = []
        self.left_out_until = 0.0
        self.prefix = address.path.encode()
        shown = f"[{address.host}]" if ":" in address.host else address.host
        usual = (None, 443 if address.secure else 80)
        self.host = shown.encode() if address.port in usual else f"{shown}:{address.port}".encode()
        self.url = (b"https://" if address.secure else b"http://") + self.host + self.prefix

    async def take(self, patience: float) -> tuple[Connection, bool]:
        """Return a connection, and whether it has been used before: the youngest that is still open, else a new one.

        Raises:
            ConnectionError: none can be made within `patience` seconds.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection.good:
                return connection, True
            connection.close()
        return await open_connection(self.address.host, self.address.open_port, self._context, patience), False

    def give(self, connection: Connection) -> None:
        """Keep a connection for another request, if it can take one."""
        if connection.finish():
            self._idle.append(connection)

    def close(self) -> None:
        """Close what waits."""
        for connection in self._idle:
            connection.close()


class Answer:
    """An answer whose head is there; its body has to be read or closed."""

    def __init__(self, head: h11.Response, connection: Connection, node: Node) -> None:
        self._connection, self._node = connection, node
        self.status = head.status_code
        self.headers: Headers = head.headers.raw_items()
        self._stream = connection.pieces()
        self._closed = False
        self.ends = False
        """Whether nothing follows what was given last; it may turn out only behind the last piece that nothing does."""
        self._ahead: list[bytes] = []
        self._kept: list[bytes] | None = None
        self._room = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body as it arrives, unchanged; `ends` says of each piece whether it is the last.

        Raises:
            Refusal: the cluster breaks off.
        """
        for left, piece in zip(range(len(self._ahead), 0, -1), self._ahead, strict=True):
            self._keep(piece)
            self.ends = left == 1 and self._connection.ended
            yield piece
        try:
            async for piece in self._stream:
                self._keep(piece)
                self.ends = self._connection.ended
                yield piece
        except BrokenConnection as error:
            raise _broken(self._node, error) from error

    async def peek(self, most: int) -> bytes:
        """Return the body's beginning, all of it if it has fewer than `most` bytes; `pieces` gives it once more.

        Raises:
            Refusal: the cluster breaks off.
        """
        try:
            while sum(map(len, self._ahead)) < most:
                self._ahead.append(await anext(self._stream))
        except StopAsyncIteration:
            pass
        except BrokenConnection as error:
            raise _broken(self._node, error) from error
        return b"".join(self._ahead)

    async def start(self, most: int) -> bytes:
        """Return the body's beginning as `peek` does, unpacked as far as it can be, and no more than `most` bytes.

        Raises:
            Refusal: the cluster breaks off.
        """
        return beginning(await self.peek(most), coding_of(self.headers), most)

    async def json(self, most: int) -> object:
        """Return the body's value; None if the body is larger than `most`, or no JSON.

        Raises:
            Refusal: the cluster breaks off.
        """
        try:
            start = await self.start(most)
            return await at_ease(len(start), lambda: read_json(start))
        except UnreadJson:
            return None

    def keep(self, most: int) -> None:
        """Keep the body while it is given on, if it has at most `most` bytes."""
        self._kept, self._room = [], most

    @property
    def kept(self) -> bytes | None:
        """Return what was kept; None if it was too much."""
        return None if self._kept is None else b"".join(self._kept)

    def _keep(self, piece: bytes) -> None:
        if self._kept is None:
            return
        self._room -= len(piece)
        if self._room < 0:
            self._kept = None
        else:
            self._kept.append(piece)

    async def close(self) -> None:
        """End it; the connection is kept if all was read, else closed, which lets the cluster stop a search."""
        if not self._closed:
            self._closed = True
            self._node.give(self._connection)


class Upstream:
    """The cluster."""

    def __init__(self, addresses: Sequence[Address], context: ssl.SSLContext | None, limits: Limits) -> None:
        self.nodes = [Node(address, context if address.secure else None) for address in addresses]
        self._limits = limits
        self._turn = 0

    async def send(self, method: str, target: bytes, headers: Headers, body: Body, node: Node) -> Answer:
        """Send a request to a node, and return the answer as soon as its head is there.

        A request without a body that meets a connection which the cluster has just closed is sent once more.

        Raises:
            ConnectionError: nothing was sent, as no connection could be made.
            Refusal: the cluster breaks off, or says what no server says.
        """
        while True:
            # How long an answer may take is limited for the whole exchange.
            connection, used = await node.take(self._limits.connect_seconds)
            patience, head = self._limits.idle_seconds, None
            try:
                head = await connection.send(method, node.prefix + target, headers, body, patience)
                return Answer(head, connection, node)
            except BrokenConnection as error:
                if not (used and body is None and method in ("GET", "HEAD")):
                    raise _broken(node, error) from error
            except NothingTaken as error:
                raise Refusal(504, Reason.TOO_LATE, f"{_named(node)} does not take the request in time") from error
            except h11.LocalProtocolError as error:
                raise Refusal(400, Reason.BAD_REQUEST, f"the request cannot be forwarded: {error}") from error
            finally:
                if head is None:
                    connection.close()

    def turns(self) -> list[Node]:
        """Return the nodes in the order in which a request tries them; those that failed lately come last."""
        self._turn += 1
        start = self._turn % len(self.nodes)
        now = time.monotonic()
        return sorted(self.nodes[start:] + self.nodes[:start], key=lambda node: node.left_out_until > now)

    def leave_out(self, node: Node) -> None:
        """Try a node after the others for a while."""
        node.left_out_until = time.monotonic() + _LEFT_OUT_SECONDS

    async def close(self) -> None:
        """Close all connections that wait."""
        for node in self.nodes:
            node.close()


def unreachable(nodes: Sequence[Node], cause: ConnectionError | None) -> Refusal:
    """Return the refusal of a request that no node takes; `cause`: why the last one did not."""
    names = ", ".join(map(_named, nodes))
    return Refusal(502, Reason.UNREACHABLE, f"nothing answers at {names} ({cause}): is the cluster up?")


def _broken(node: Node, error: Exception) -> Refusal:
    return Refusal(
        502,
        Reason.BAD_ANSWER,
        f"{_named(node)} broke off without a whole answer ({str(error) or type(error).__name__}): it may have carried "
        "the request out",
    )


def _named(node: Node) -> str:
    return f"{node.address.host}:{node.address.open_port}"
