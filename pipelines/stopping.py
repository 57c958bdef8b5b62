"""Ctrl-C during long work: the step that runs is finished, then the loop can end in an orderly way."""

import signal
import threading
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
