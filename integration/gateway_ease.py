"""Work on bodies: at once if they are small, else in a thread, as everybody else would have to wait for it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

SMALL_BYTES = 2**16
"""Of a body that is read, or rewritten, in no time that others would notice, mostly."""
AT_ONCE_SECONDS = 0.02
"""For which a small body is worked on at once where that may take longer than its size tells."""
_Found = TypeVar("_Found")


class Late(Exception):
    """Something is not done in time."""


def check_until(until: float) -> Callable[[], None]:
    """Return what raises `Late` after a moment of the clock `time.monotonic`."""

    def check() -> None:
        if time.monotonic() > until:
            raise Late

    return check


async def at_ease(size: int, work: Callable[[], _Found]) -> _Found:
    """Return what `work` makes of a body of this size; whatever it raises is raised."""
    return work() if size <= SMALL_BYTES else await asyncio.to_thread(work)


async def in_time(size: int, seconds: float, work: Callable[[Callable[[], None]], _Found]) -> _Found:
    """Return what `work` makes of a body of this size; it is given what it has to call now and then.

    Whatever `work` raises is raised.

    Raises:
        Late: not within `seconds`.
    """
    if size <= SMALL_BYTES:
        # Short as it is, it may hold much.
        with suppress(Late):
            return work(check_until(time.monotonic() + AT_ONCE_SECONDS))
    return await asyncio.to_thread(work, check_until(time.monotonic() + seconds))
