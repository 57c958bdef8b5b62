"""Ctrl-C during long work: the step that runs is finished, then the loop can end in an orderly way."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType


class StopSignal:
    """Notes SIGINT and SIGTERM inside its `with` block; a second one stops at once, as usual."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> "StopSignal":
        # Only the main thread may set handlers; elsewhere nothing can be asked this way.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let SIGINT and SIGTERM that come inside the block act at its end, so that it is not done by half.

    It should be short: nothing else ends it. Not for inside of a `StopSignal`, whose own way it would bring back.
    """
    # One inside the other: what the first does at its end must not keep the second from its own.
    with _uninterrupted_by(signal.SIGTERM), _uninterrupted_by(signal.SIGINT):
        yield


@contextmanager
def _uninterrupted_by(number: signal.Signals) -> Iterator[None]:
    before = signal.getsignal(number)
    # Only the main thread is interrupted; and what Python did not set it cannot set again.
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    came: list[int] = []
    try:
        signal.signal(number, lambda came_now, _: came.append(came_now))
        yield
    finally:
        signal.signal(number, before)
        if came:
            signal.raise_signal(number)
