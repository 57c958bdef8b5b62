"""Searches by term weights beside BM25's, of which no caller notices anything: how far their first ten hits differ.

Each becomes a line of JSON on standard error, without the query's text and without ids:

    {"time": text, "shadow": "compared" | "failed", "path": text, "opaque_id": text or null, "hits": [number, number],
     "overlap": number, "moves": [[rank with BM25, rank with weights or null], ...], "ms": number}
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from csplade.integration.gateway_headers import coding_of
from csplade.integration.gateway_json import UnreadJson, beginning, read_json
from csplade.integration.gateway_log import AccessLog, Exchange
from csplade.integration.gateway_metrics import Metrics
from csplade.integration.gateway_refusals import Headers, Refusal
from csplade.integration.gateway_upstream import Answer

TOP = 10
LARGEST = 2**22
"""Of an answer that is compared, in bytes."""

SHADOW_SECONDS = 30.0
"""For its vectors, and for the search itself."""

_AT_ONCE = 8
Search = Callable[[Exchange], Awaitable[Answer | None]]
"""Runs the search by term weights; None: there is none."""


@dataclass(frozen=True)
class Comparison:
    """The first hits of two searches."""

    hits: tuple[int, int]
    """With BM25, and with weights; ten at most."""
    overlap: int
    moves: tuple[tuple[int, int | None], ...]
    """Of each of BM25's hits that is elsewhere now: its rank before and after, from 1 on; None: it is not there."""


def compare(before: Sequence[str], after: Sequence[str]) -> Comparison:
    """Compare ids by rank."""
    ranks = {identity: rank for rank, identity in enumerate(after, 1)}
    moves = [(rank, ranks.get(identity)) for rank, identity in enumerate(before, 1)]
    return Comparison(
        (len(before), len(after)),
        sum(now is not None for _, now in moves),
        tuple((rank, now) for rank, now in moves if rank != now),
    )


class Shadows:
    """Runs them after their callers have been answered, few at once."""

    def __init__(self, metrics: Metrics, log: AccessLog | None) -> None:
        self._metrics, self._log = metrics, log
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, exchange: Exchange, own: Answer, search: Search) -> None:
        """Run one: `own` is the answer that the caller has got, and kept."""
        kept = own.kept
        if kept is None or own.status >= 300 or len(self._running) >= _AT_ONCE:
            self._metrics.add("shadows_total", 1.0, '{end="left_out"}')
            return
        beside = Exchange(exchange.method, exchange.path, exchange.query, exchange.caller, exchange.opaque_id)
        task = asyncio.create_task(self._run(beside, _first_ids(own.headers, kept), search))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """End those that run."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, exchange: Exchange, before: list[str] | None, search: Search) -> None:
        began = time.perf_counter()
        after = await _ids_of(exchange, search)
        if before is None or after is None:
            self._metrics.add("shadows_total", 1.0, '{end="failed"}')
            found = None
        else:
            found = compare(before, after)
            self._count(found)
        if self._log is not None:
            self._log.note(_line(exchange, found, time.perf_counter() - began))

    def _count(self, found: Comparison) -> None:
        self._metrics.add("shadows_total", 1.0, '{end="compared"}')
        self._metrics.add("shadow_hits_total", found.overlap, '{in="both"}')
        self._metrics.add("shadow_hits_total", sum(found.hits) - 2 * found.overlap, '{in="one"}')


async def _ids_of(exchange: Exchange, search: Search) -> list[str] | None:
    try:
        async with asyncio.timeout(2 * SHADOW_SECONDS):
            answer = await search(exchange)
            if answer is None:
                return None
            try:
                body = await answer.peek(LARGEST)
            finally:
                await answer.close()
    except (Refusal, TimeoutError):
        return None
    return _first_ids(answer.headers, body) if answer.status < 300 else None


def _first_ids(headers: Headers, body: bytes) -> list[str] | None:
    try:
        found = read_json(beginning(body, coding_of(headers), LARGEST))["hits"]["hits"]
        return [f"{hit['_index']} {hit['_id']}" for hit in found[:TOP]]
    except (UnreadJson, KeyError, TypeError):
        return None


def _line(exchange: Exchange, found: Comparison | None, seconds: float) -> dict[str, object]:
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "shadow": "failed" if found is None else "compared",
        "path": exchange.path,
        "opaque_id": exchange.opaque_id,
        "hits": None if found is None else found.hits,
        "overlap": None if found is None else found.overlap,
        "moves": None if found is None else found.moves,
        "ms": round(seconds * 1000, 3),
    }
