"""Work on bodies: at once if they are small, else in a thread, as everybody else would have to wait for it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

SMALL_BYTES = 2**16
"""Of a body that is read, or rewritten, in no time that others would notice."""
_Found = TypeVar("_Found")


async def at_ease(size: int, work: Callable[[], _Found]) -> _Found:
    """Return what `work` makes of a body of this size; whatever it raises is raised."""
    return work() if size <= SMALL_BYTES else await asyncio.to_thread(work)
