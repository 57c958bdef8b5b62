"""Requests that open points in time, search in them and close them: what each is about is remembered meanwhile."""

import asyncio

from csplade.integration.gateway_delivery import Delivery
from csplade.integration.gateway_headers import answer_headers
from csplade.integration.gateway_pits import Pits, closed_pits, opened_pit, renamed_pit
from csplade.integration.gateway_request import Request, gather
from csplade.integration.gateway_upstream import Answer

_LARGEST_OPENED = 2**16
_LARGEST_CLOSED = 2**20


class Moments:
    """Files are read and written in threads, so that nobody else waits for a slow disk."""

    def __init__(self, pits: Pits, delivery: Delivery) -> None:
        self._pits, self._delivery = pits, delivery

    async def open(self, request: Request) -> None:
        """Let one be opened, and remember what it is about.

        Raises:
            Refusal: the answer was not begun, and the gateway has to give one itself.
        """
        answer = await self._delivery.original(request, await gather(request, 0))
        if answer.status < 300:
            identity = opened_pit(await answer.start(_LARGEST_OPENED))
            if identity is not None:
                await asyncio.to_thread(self._pits.keep, identity, request.target.names)
        await request.transfer.answer(answer, answer_headers(answer.headers))

    async def close(self, request: Request) -> None:
        """Let some be closed, and forget them.

        Raises:
            Refusal: as `open`.
        """
        body = await gather(request, _LARGEST_CLOSED)
        answer = await self._delivery.original(request, body)
        if answer.status < 300 and request.path.endswith(b"/_all"):
            await asyncio.to_thread(self._pits.forget_all)
        elif answer.status < 300:
            await asyncio.to_thread(self._pits.forget, closed_pits(body.plain(_LARGEST_CLOSED) or b""))
        await request.transfer.answer(answer, answer_headers(answer.headers))

    def names(self, identity: str) -> str | None:
        """Return the indexes that one is about; None: it was opened elsewhere."""
        return self._pits.names(identity)

    async def follow(self, identity: str | None, answer: Answer) -> None:
        """Remember one by its new name as well, if an answer to a search in it gives it another."""
        if identity is None or answer.status >= 300:
            return
        renamed, names = renamed_pit(await answer.start(_LARGEST_OPENED)), self._pits.names(identity)
        if renamed is not None and renamed != identity and names is not None:
            await asyncio.to_thread(self._pits.keep, renamed, names)
