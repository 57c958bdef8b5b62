"""Whether a worker still gets anything done: its event loop counts on and on, and the parent looks at the count."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.context import BaseContext

LOOK_SECONDS = 0.2
"""Between two looks of the parent."""
_BEAT_SECONDS = 0.5
# For a new worker to answer. A busy machine takes long to load one, and who gives it up too soon never gets one.
READY_SECONDS = 180.0


class Pulse:
    """Of one worker, in memory that it shares with its parent; `context` says how the worker begins.

    There is no lock that a worker which is stopped or killed could keep.
    """

    def __init__(self, context: BaseContext) -> None:
        self._beats = context.RawValue("Q", 0)
        self._answers = context.RawValue("B", 0)

    @property
    def answers(self) -> bool:
        """Return whether the worker has begun to answer."""
        return bool(self._answers.value)

    def tell_answers(self) -> None:
        """Say that it does."""
        self._answers.value = 1

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Count as long as the event loop goes round."""
        task = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            task.cancel()

    @property
    def beats(self) -> int:
        """Return the count."""
        return int(self._beats.value)

    async def _beat(self) -> None:
        while True:
            self._beats.value += 1
            await asyncio.sleep(_BEAT_SECONDS)


class Watch:
    """The parent's eye on a pulse."""

    def __init__(self, pulse: Pulse, patience: float) -> None:
        self._pulse, self._patience = pulse, patience
        self._seen = self._looks = 0

    def stands_still(self) -> bool:
        """Look once more, and return whether nothing has been counted for too long.

        Looks are counted, not the time: where the whole machine was stopped, nobody is late.
        """
        beats = self._pulse.beats
        self._looks = 0 if beats != self._seen else self._looks + 1
        self._seen = beats
        return self._looks * LOOK_SECONDS > (self._patience if beats else READY_SECONDS)
