"""Waiting for what comes about by itself, as long as a busy machine may need."""

import time
from collections.abc import Callable


def wait_until(reached: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait until something is so, however late that is on a busy machine.

    Raises:
        AssertionError: it is not, after so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.05)
