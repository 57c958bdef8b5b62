"""Asks the cluster what it makes of search templates, with the credentials of the caller and within the search's time.

What comes back is the body that the template stands for; without it the template passes as it came.
"""

import asyncio
import time
from collections.abc import Mapping

from csplade.integration.gateway_delivery import Delivery
from csplade.integration.gateway_ease import at_ease
from csplade.integration.gateway_headers import coding_of
from csplade.integration.gateway_json import unpacked
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_refusals import Refusal
from csplade.integration.gateway_request import Request
from csplade.integration.gateway_templates import Rendered, read_rendered
from csplade.integration.gateway_upstream import Answer
from csplade.integration.gateway_verdict import Why
from csplade.integration.rewrite_report import JsonObject

_PATH = b"/_render/template"
_AT_ONCE = 8
_DONE, _WHO_ARE_YOU = 200, 401
# Something is wrong with the template, and the cluster will say so to its caller.
_OF_TEMPLATE = (400, 404)


class Rendering:
    """Asks for it; all that one request's templates stand for has `largest` bytes at most."""

    def __init__(self, delivery: Delivery, largest: int) -> None:
        self._delivery, self._largest = delivery, largest

    async def of(
        self, request: Request, templates: Mapping[int, bytes], seconds: float, exchange: Exchange
    ) -> Rendered:
        """Return what is made of some templates within so many seconds; each is asked about once."""
        until, turns = time.monotonic() + seconds, asyncio.Semaphore(_AT_ONCE)
        room = _Room(self._largest)

        async def one(template: bytes) -> tuple[JsonObject | Why, int]:
            try:
                async with asyncio.timeout(until - time.monotonic()), turns:
                    return await self._one(request, template, room, exchange)
            except TimeoutError:
                return Why.RENDERING_SLOW, 0

        different = list(dict.fromkeys(templates.values()))
        found = dict(zip(different, await asyncio.gather(*map(one, different)), strict=True))
        bodies = {place: found[template][0] for place, template in templates.items()}
        return Rendered(bodies, sum(size for _, size in found.values()))

    async def _one(
        self, request: Request, template: bytes, room: "_Room", exchange: Exchange
    ) -> tuple[JsonObject | Why, int]:
        """Return the body, or why there is none, and how many bytes it has."""
        try:
            answer = await self._delivery.ask(request, _PATH, template, exchange)
            try:
                plain = await room.read(answer) if answer.status == _DONE else None
            finally:
                await answer.close()
        except Refusal:
            return Why.NOT_RENDERED, 0
        if answer.status == _WHO_ARE_YOU:
            return Why.UNKNOWN_CALLER, 0
        if answer.status != _DONE:
            return Why.CLUSTER_REFUSED if answer.status in _OF_TEMPLATE else Why.NOT_RENDERED, 0
        if plain is None:
            return Why.NOT_RENDERED, 0
        return await at_ease(len(plain), lambda: read_rendered(plain)), len(plain)


class _Room:
    """What is left of the bytes that one request's templates may stand for."""

    def __init__(self, left: int) -> None:
        self._left, self._turn = left, asyncio.Lock()

    async def read(self, answer: Answer) -> bytes | None:
        """Return an answer's body, unpacked; None: there is no room for it, or it is packed in no way that is known.

        Raises:
            Refusal: the cluster breaks off.
        """
        # One after the other, as eight at once would each take what is left.
        async with self._turn:
            most, coding = self._left, coding_of(answer.headers)
            packed = await answer.peek(most + 1)
            plain = await at_ease(len(packed), lambda: unpacked(packed, coding, most))
            self._left -= len(plain or b"")
            return plain
