"""The two streams of one exchange: a body on its way to the cluster, an answer on its way back.

What waits for a caller waits for a limited time only; what waits for the cluster ends when the caller leaves.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from csplade.integration.gateway_body import BodyGuard
from csplade.integration.gateway_config import Limits
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_protocol import CROWDED, GONE
from csplade.integration.gateway_refusals import Headers, Reason, Refusal
from csplade.integration.gateway_upstream import Answer
from starlette.types import Message, Receive, Send

_DRAINED_SECONDS = 1.0


class CallerGone(Exception):
    """The caller has closed the connection: nobody waits for an answer."""


class Transfer:
    """One exchange with a caller; made in the task that carries it out."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        extensions: Mapping[str, Any],  # Any: functions of different kinds
        limits: Limits,
        exchange: Exchange,
    ) -> None:
        self._receive, self._send, self._limits = receive, send, limits
        self._when_gone: Callable[[Callable[[], None] | None], None] = extensions[GONE]
        self._crowded: Callable[[], bool] = extensions[CROWDED]
        self.exchange = exchange
        self._task = asyncio.current_task()
        self._watching = False
        self.begun = False
        """Whether the caller has got a part of an answer."""
        self.gone = False
        """Whether the caller has left, and the task was cancelled for it."""

    async def body(self, guard: BodyGuard) -> AsyncIterator[bytes]:
        """Give the request's body as it arrives.

        Raises:
            Refusal: it comes too slowly, or it is not as it should be.
            CallerGone: it ends too early.
        """
        waited = 0.0
        more = True
        while more:
            began = time.monotonic()
            message = await self._next(waited)
            waited += time.monotonic() - began
            piece: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            self.exchange.request_bytes += len(piece)
            for _ in guard.feed(piece):
                await asyncio.sleep(0)
            if not more:
                guard.finish()
                self.watch()
            if piece:
                yield piece

    def watch(self) -> None:
        """From now on cancel the task if the caller leaves: the body is complete."""
        self._watching = True
        self._when_gone(self._leave)

    async def answer(self, answer: Answer, headers: Headers) -> None:
        """Give the caller an answer of the cluster.

        Raises:
            Refusal: the cluster breaks off.
            TimeoutError: the caller takes nothing for too long.
        """
        self.exchange.status, self.exchange.upstream_seconds = answer.status, self.exchange.seconds()
        try:
            if not self._watching:
                # The cluster answers before it has seen the whole body: where the next request begins, nobody knows.
                headers = [*headers, (b"connection", b"close")]
            self.begun = True
            await self._put({"type": "http.response.start", "status": answer.status, "headers": headers})
            async for piece in answer.pieces():
                self.exchange.answer_bytes += len(piece)
                if answer.ends:
                    # Who has all of the answer may leave.
                    self.end()
                await self._put({"type": "http.response.body", "body": piece, "more_body": not answer.ends})
            if not answer.ends:
                self.end()
                await self._put({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await answer.close()

    async def own(self, status: int, headers: Headers, body: bytes) -> None:
        """Give the caller, whose request has been read, an answer of the gateway's own.

        Raises:
            TimeoutError: the caller takes nothing for too long.
        """
        self.exchange.status, self.exchange.answer_bytes, self.begun = status, len(body), True
        length = (b"content-length", str(len(body)).encode())
        await self._put({"type": "http.response.start", "status": status, "headers": [*headers, length]})
        self.end()
        await self._put({"type": "http.response.body", "body": body, "more_body": False})

    def uncancel(self) -> None:
        """Take back the cancellation that `gone` tells of."""
        if self._task is not None:
            self._task.uncancel()

    def end(self) -> None:
        """Stop watching the caller."""
        if self._watching:
            self._watching = False
            self._when_gone(None)

    async def _next(self, waited: float) -> Message:
        """Wait for the next part of the body, as long as its average so far allows."""
        limits = self._limits
        patience = limits.idle_seconds + self.exchange.request_bytes / limits.slowest_body - waited
        try:
            async with asyncio.timeout(max(0.0, min(limits.idle_seconds, patience))):
                message = await self._receive()
        except TimeoutError as error:
            raise Refusal(408, Reason.BODY_TOO_SLOW, "the body did not arrive in time: send it faster") from error
        if message["type"] == "http.disconnect":
            raise CallerGone
        return message

    async def _put(self, message: Message) -> None:
        if not self._crowded():
            # Nothing is waited for.
            await self._send(message)
            return
        async with asyncio.timeout(self._limits.idle_seconds):
            await self._send(message)

    def _leave(self) -> None:
        if self._task is not None:
            self.gone = True
            self._task.cancel()


async def refuse(refusal: Refusal, receive: Receive, send: Send, whole: bool) -> int:
    """Give the caller an answer of our own, and return its body's bytes; `whole`: the request has been read.

    Otherwise its rest is read for a moment: a caller who is still sending would else find the connection reset, and
    never see the answer.
    """
    body = refusal.body()
    headers = refusal.headers(body, close=not whole)
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if not whole:
        await _drain(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    return len(body)


async def _drain(receive: Receive) -> None:
    try:
        async with asyncio.timeout(_DRAINED_SECONDS):
            while (await receive()).get("more_body", False):
                continue
    except TimeoutError:
        return
