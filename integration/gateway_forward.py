"""Forwards one request after the other to the cluster, streaming both ways, byte for byte.

Whatever goes wrong before the answer begins becomes an answer of the gateway's own; afterwards the connection is broken
off, so that no caller takes half an answer for a whole one.
"""

import asyncio

from csplade.integration.gateway_body import BodyGuard, check_source
from csplade.integration.gateway_compared import compared, of_playground
from csplade.integration.gateway_config import Limits
from csplade.integration.gateway_headers import answer_headers, check_connection, check_start, framing
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_params import Params
from csplade.integration.gateway_playground import Playground
from csplade.integration.gateway_refusals import Headers, Reason, Refusal
from csplade.integration.gateway_request import Request
from csplade.integration.gateway_rewriting import Rewriting
from csplade.integration.gateway_sending import Message, Sender
from csplade.integration.gateway_targets import with_index
from csplade.integration.gateway_transfer import CallerGone, Transfer
from starlette.types import Receive, Scope, Send


class Forwarder:
    """Takes requests that need the cluster; without a `rewriting` all pass as they are, and nothing is compared."""

    def __init__(
        self, sender: Sender, limits: Limits, rewriting: Rewriting | None = None, playground: Playground | None = None
    ) -> None:
        self._sender, self._limits, self._rewriting, self._playground = sender, limits, rewriting, playground

    async def __call__(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        """Forward a request, and its answer.

        Raises:
            Refusal: the answer was not begun, and the gateway has to give one itself.
            CallerGone: the caller has left.
            ConnectionAbortedError: the answer has begun and cannot be completed.
        """
        transfer = Transfer(receive, send, scope["extensions"], self._limits, exchange)
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
        check_connection(scope["headers"])
        check_source(scope["query_string"], self._limits)
        headers: Headers = self._sender.passing(scope["headers"])
        frame = framing(headers)
        guard = BodyGuard(headers, frame, self._limits)
        if frame.empty:
            transfer.watch()
        message = Message(scope["method"], target, headers, frame)
        if of_playground(scope["raw_path"]):
            await self._compare(scope, message, transfer, guard)
            return
        asked = None if self._rewriting is None else self._rewriting.target(scope["method"], scope["raw_path"])
        if self._rewriting is not None and asked is not None:
            params = Params.read(scope["query_string"])
            asked = with_index(asked, params.get("index"))
            await self._rewriting(Request(asked, message, scope["raw_path"], params, transfer, guard))
            return
        answer = await self._sender.send(
            message, lambda: None if frame.empty else transfer.body(guard), transfer.exchange
        )
        await transfer.answer(answer, answer_headers(answer.headers))

    async def _compare(self, scope: Scope, message: Message, transfer: Transfer, guard: BodyGuard) -> None:
        if self._playground is None:
            raise Refusal(
                404, Reason.NO_SUCH_PAGE, "this gateway rewrites nothing that could be compared: give it a --config"
            )
        path, params = scope["raw_path"], Params.read(scope["query_string"])
        await self._playground(Request(compared(path), message, path, params, transfer, guard))


def _target(scope: Scope) -> bytes:
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    # A lone question mark at the end does not survive the server's parsing; it means nothing.
    return path + b"?" + query if query else path
