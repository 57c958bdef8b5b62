"""Forwards one request after the other to the cluster, streaming both ways, byte for byte.

Whatever goes wrong before the answer begins becomes an answer of the gateway's own; afterwards the connection is broken
off, so that no caller takes half an answer for a whole one.
"""

import asyncio

from csplade.integration.gateway_body import BodyGuard, check_source
from csplade.integration.gateway_config import Limits
from csplade.integration.gateway_headers import answer_headers, check_prefix, check_start, framing, request_headers
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_refusals import Headers, Reason, Refusal
from csplade.integration.gateway_transfer import CallerGone, Transfer
from csplade.integration.gateway_upstream import Upstream, unreachable
from starlette.types import Receive, Scope, Send


class Forwarder:
    """Takes requests that are not about the gateway itself."""

    def __init__(self, upstream: Upstream, limits: Limits, via: bytes) -> None:
        self._upstream, self._limits, self._via = upstream, limits, via

    async def __call__(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        """Forward a request, and its answer.

        Raises:
            Refusal: the answer was not begun, and the gateway has to give one itself.
            CallerGone: the caller has left.
            ConnectionAbortedError: the answer has begun and cannot be completed.
        """
        transfer = Transfer(receive, send, self._limits, exchange)
        try:
            async with asyncio.timeout(self._limits.whole_seconds):
                await self._exchange(scope, transfer)
        except TimeoutError as error:
            if transfer.begun:
                raise ConnectionAbortedError("the answer took too long") from error
            seconds = f"{self._limits.whole_seconds:g}"
            raise Refusal(504, Reason.TOO_LATE, f"the cluster did not answer within {seconds} s") from error
        except asyncio.CancelledError as error:
            if not transfer.gone:
                raise
            transfer.uncancel()
            raise CallerGone from error
        except Refusal as error:
            if transfer.begun:
                raise ConnectionAbortedError(str(error)) from error
            raise
        finally:
            transfer.end()

    async def _exchange(self, scope: Scope, transfer: Transfer) -> None:
        target = _target(scope)
        check_start(scope["method"], target, scope["http_version"])
        check_source(scope["query_string"], self._limits)
        headers: Headers = scope["headers"]
        frame = framing(headers)
        guard = BodyGuard(headers, frame, self._limits)
        if frame.empty:
            transfer.watch()
        cause = None
        for node in self._upstream.turns():
            check_prefix(node.address.path, target)
            transfer.exchange.node = node.host.decode()
            passed = request_headers(headers, node.host, frame, self._via)
            body = None if frame.empty else transfer.body(guard)
            try:
                answer = await self._upstream.send(scope["method"], target, passed, body, node)
            except ConnectionError as error:
                # Nothing was sent, not even a part of the body.
                self._upstream.leave_out(node)
                cause = error
                continue
            await transfer.answer(answer, answer_headers(answer.headers))
            return
        raise unreachable(self._upstream.nodes, cause) from cause


def _target(scope: Scope) -> bytes:
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    # A lone question mark at the end does not survive the server's parsing; it means nothing.
    return path + b"?" + query if query else path
