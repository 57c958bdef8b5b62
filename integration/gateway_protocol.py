"""HTTP/1.1 towards callers: uvicorn's h11 protocol, stricter, and with an end to what comes too slowly.

h11 refuses most of what two readers could understand differently; this adds what it lets pass for old times' sake: line
ends without a carriage return, and headers over several lines. It also limits heads that come whole, and connections.
"""

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Any, Protocol, cast

import h11
from csplade.integration.gateway_config import Limits
from csplade.integration.gateway_output import JoinedTransport
from csplade.integration.gateway_refusals import Reason, Refusal
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

ABORT = "csplade.abort"
"""In a scope's extensions: breaks off the connection without an end of the answer."""
GONE = "csplade.gone"
"""In a scope's extensions: takes what is called if the caller leaves before the answer is whole, or None."""
CROWDED = "csplade.crowded"
"""In a scope's extensions: tells whether the caller takes its answer more slowly than it comes."""

_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class _Application(Protocol):
    limits: Limits

    def refused_early(self, reason: Reason) -> None: ...


class StrictConnection(h11.Connection):
    """h11's parser of one connection, which looks at each head before it is read."""

    def __init__(self, limit: int) -> None:
        super().__init__(h11.SERVER, limit)
        self._limit = limit
        self.refusal = Refusal(400, Reason.BAD_REQUEST, "the request is not HTTP/1.1 as it should be")
        """What is wrong once an event could not be read."""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event.

        Raises:
            h11.RemoteProtocolError: there is none, see `refusal`.
        """
        if self.their_state is h11.IDLE:
            self._check_head(self.trailing_data[0])
        try:
            return super().next_event()
        except h11.RemoteProtocolError as error:
            # h11 says 501 to other codings than chunked. They are the caller's doing, as all that is refused here.
            status = 400 if error.error_status_hint >= 500 else error.error_status_hint
            reason = Reason.HEAD_TOO_LARGE if status == 431 else Reason.BAD_REQUEST
            # Written by h11, with nothing of the request in it but its kind.
            self.refusal = Refusal(status, reason, f"the request is not HTTP/1.1 as it should be: {error}")
            raise

    def _check_head(self, data: bytes) -> None:
        end = _HEAD_END.search(data)
        head = data[: end.end()] if end else data
        if len(head) > self._limit:
            self._stop(431, Reason.HEAD_TOO_LARGE, f"its head has more than {self._limit} bytes")
        if _BARE_LINE_FEED.search(head):
            self._stop(400, Reason.BAD_REQUEST, "a line of its head ends without a carriage return")
        if b"\r\n " in head or b"\r\n\t" in head:
            self._stop(400, Reason.BAD_REQUEST, "one of its headers goes on in the next line")

    def _stop(self, status: int, reason: Reason, why: str) -> None:
        self.refusal = Refusal(status, reason, f"the request is not HTTP/1.1 as it should be: {why}")
        raise h11.RemoteProtocolError(why, status)


class GatewayProtocol(H11Protocol):
    """One connection of a caller."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # Any: uvicorn's own type
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._gateway = cast(_Application, config.app)
        self._limits = self._gateway.limits
        self._strict = StrictConnection(self._limits.head)
        self.conn = self._strict
        self._app, self.app = self.app, self._run
        self._head_timer: asyncio.TimerHandle | None = None
        self._joined: JoinedTransport | None = None
        self._gone: Callable[[], None] | None = None

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"] = {ABORT: self._abort, GONE: self._when_gone, CROWDED: self._crowded}
        await self._app(scope, receive, send)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many connections."""
        self._joined = JoinedTransport(transport, self.loop, self._limits.idle_seconds)
        super().connection_made(self._joined)  # type: ignore[arg-type]
        # asyncio does it only for sockets that name their protocol. Without it the second of two small packets waits
        # 40 ms for the caller's word about the first.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.connections) > self._limits.connections:
            self._answer(Refusal(503, Reason.TOO_MANY, "the gateway has too many connections: try again later"))
            return
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._await_head()
        else:
            self._stop_timer()

    def eof_received(self) -> None:
        """Tell a caller who has stopped in the middle of a request, and may still listen, that it is incomplete."""
        if self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]:
            self._answer(Refusal(400, Reason.BAD_REQUEST, "the request ends before its end"))

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_timer()
        super().connection_lost(exc)
        self._tell_gone()

    def on_response_complete(self) -> None:
        """Send the answer's end now: another turn of the event loop costs a call of the system."""
        if self._joined is not None:
            self._joined.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what could not be read."""
        self._answer(self._strict.refusal)

    def _when_gone(self, call: Callable[[], None] | None) -> None:
        self._gone = call
        if call is None:
            return
        if self.cycle.disconnected:
            self._tell_gone()
        else:
            # Who does not read does not see anybody leave.
            self.flow.resume_reading()

    def _crowded(self) -> bool:
        return self.flow.write_paused

    def _tell_gone(self) -> None:
        call, self._gone = self._gone, None
        if call is not None:
            call()

    def _await_head(self) -> None:
        # Not anew with each byte: the whole head has to come in time.
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._limits.head_seconds, self._head_too_slow)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self._answer(Refusal(408, Reason.HEAD_TOO_SLOW, "the head of a request did not arrive in time"))

    def _answer(self, refusal: Refusal) -> None:
        """Answer outside of any exchange, and close; in the middle of an answer only the latter is possible."""
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self._abort()
            return
        self._gateway.refused_early(refusal.reason)
        body = refusal.body()
        lines = [b"HTTP/1.1 %d %b" % (refusal.status, STATUS_PHRASES[refusal.status])]
        lines += [b"%b: %b" % pair for pair in refusal.headers(body, close=True)]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self._leave()
        self.transport.close()

    def _abort(self) -> None:
        self._leave()
        self.transport.abort()

    def _leave(self) -> None:
        """Let what is under way for this connection end."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._tell_gone()
