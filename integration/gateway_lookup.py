"""What the cluster said lately: good for a few seconds, and asked once for all who want to know meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_GOOD_SECONDS = 5.0
_MOST_KEPT = 4096
_Found = TypeVar("_Found")


class Lookup(Generic[_Found]):
    """Remembers answers; one that is not there within `seconds` is `late`, and stays so as long as another would."""

    def __init__(self, seconds: float, late: _Found) -> None:
        self._seconds, self._late = seconds, late
        self._known: dict[bytes, tuple[float, _Found]] = {}
        self._asked: dict[bytes, asyncio.Task[_Found]] = {}
        self._look_again = 0.0

    async def of(self, key: bytes, ask: Callable[[], Awaitable[_Found]]) -> _Found:
        """Return what is known of a key, or what `ask` finds; whatever it raises is raised, and not remembered."""
        known = self._known.get(key)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._answer(key, ask))
            task.add_done_callback(lambda done: self._answered(key, done))
        # Who asked first may leave, while others still wait.
        return await asyncio.shield(task)

    async def _answer(self, key: bytes, ask: Callable[[], Awaitable[_Found]]) -> _Found:
        try:
            async with asyncio.timeout(self._seconds):
                found = await ask()
        except TimeoutError:
            found = self._late
        self._forget_old()
        self._known[key] = (time.monotonic() + _GOOD_SECONDS, found)
        return found

    def _answered(self, key: bytes, task: asyncio.Task[_Found]) -> None:
        del self._asked[key]
        if not task.cancelled():
            # Looked at, in case that nobody waits any more.
            task.exception()

    def _forget_old(self) -> None:
        """Drop what is good no more: it holds what was measured of indexes that nobody may ask for again."""
        now = time.monotonic()
        if now >= self._look_again:
            self._known = {key: each for key, each in self._known.items() if now < each[0]}
            self._look_again = now + _GOOD_SECONDS
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
