"""Asks the cluster what it makes of search templates, with the credentials of the caller and within the search's time.

What comes back is the body that the template stands for; without it the template passes as it came.
"""

import asyncio
import time
from collections.abc import Mapping

from csplade.integration.gateway_delivery import Delivery
from csplade.integration.gateway_ease import SMALL_BYTES, at_ease
from csplade.integration.gateway_headers import coding_of
from csplade.integration.gateway_json import unpacked
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_refusals import Refusal
from csplade.integration.gateway_request import Request
from csplade.integration.gateway_templates import Rendered, read_rendered
from csplade.integration.gateway_verdict import Why
from csplade.integration.rewrite_report import JsonObject

_PATH = b"/_render/template"
_AT_ONCE = 8
_DONE, _WHO_ARE_YOU = 200, 401
# Something is wrong with the template, and the cluster will say so to its caller.
_OF_TEMPLATE = (400, 404)


class Rendering:
    """Asks for it; an answer has `largest` bytes at most."""

    def __init__(self, delivery: Delivery, largest: int) -> None:
        self._delivery, self._largest = delivery, largest

    async def of(
        self, request: Request, templates: Mapping[int, bytes], seconds: float, exchange: Exchange
    ) -> Rendered:
        """Return what is made of some templates within so many seconds; each is asked about once."""
        until, turns = time.monotonic() + seconds, asyncio.Semaphore(_AT_ONCE)

        async def one(template: bytes) -> tuple[JsonObject | Why, int]:
            try:
                async with asyncio.timeout(until - time.monotonic()), turns:
                    return await self._one(request, template, exchange)
            except TimeoutError:
                return Why.RENDERING_SLOW, 0

        different = list(dict.fromkeys(templates.values()))
        found = dict(zip(different, await asyncio.gather(*map(one, different)), strict=True))
        bodies = {place: found[template][0] for place, template in templates.items()}
        return Rendered(bodies, sum(size for _, size in found.values()) <= SMALL_BYTES)

    async def _one(self, request: Request, template: bytes, exchange: Exchange) -> tuple[JsonObject | Why, int]:
        """Return the body, or why there is none, and how many bytes it has."""
        try:
            answer = await self._delivery.ask(request, _PATH, template, exchange)
            try:
                packed = await answer.peek(self._largest + 1)
            finally:
                await answer.close()
        except Refusal:
            return Why.NOT_RENDERED, 0
        if answer.status == _WHO_ARE_YOU:
            return Why.UNKNOWN_CALLER, 0
        if answer.status != _DONE:
            return Why.CLUSTER_REFUSED if answer.status in _OF_TEMPLATE else Why.NOT_RENDERED, 0
        coding = coding_of(answer.headers)
        plain = await at_ease(len(packed), lambda: unpacked(packed, coding, self._largest))
        if plain is None:
            return Why.NOT_RENDERED, 0
        return await at_ease(len(plain), lambda: read_rendered(plain)), len(plain)
