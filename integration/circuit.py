"""Whether the cluster takes requests; all who send to it share one circuit.

While the cluster takes nothing, one of them tries at a time and the others wait. The first success lets all go on.
"""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

from csplade.integration.errors import ClusterError

_log = logging.getLogger(__name__)


class Circuit:
    """Closed while the cluster takes requests; open, for at most `outage` seconds, while it does not."""

    def __init__(self, outage: float) -> None:
        self._outage = outage
        self._state = threading.Lock()
        self._probe = threading.Lock()
        self._down_since: float | None = None
        self._stopped = threading.Event()

    @property
    def down(self) -> bool:
        """Return whether the cluster took nothing of the last request."""
        return self._down_since is not None

    @contextmanager
    def turn(self, wait: float) -> Iterator[None]:
        """Wait so many seconds and then, while the cluster is down, until nobody else tries.

        Raises:
            CancelledError: `stop` was called.
        """
        if not self.down:
            self._sleep(wait)
        if not self.down:
            yield
            return
        with self._probe:
            if self.down:
                self._sleep(wait)
            self._check()
            yield

    def taken(self) -> None:
        """Take note that the cluster has taken something."""
        with self._state:
            since, self._down_since = self._down_since, None
        if since is not None:
            _log.warning("the cluster takes documents again, after %.0f s", time.monotonic() - since)

    def refused(self, reason: ClusterError) -> bool:
        """Take note that the cluster took nothing of a request; return whether it may be waited for any longer."""
        with self._state:
            now = time.monotonic()
            first, self._down_since = self._down_since is None, self._down_since or now
            left = self._outage - (now - self._down_since)
        if first and left > 0:
            _log.warning("%s. It is waited for, up to %.0f s", reason, left)
        return left > 0

    def stop(self) -> None:
        """End all waiting."""
        self._stopped.set()

    def _sleep(self, seconds: float) -> None:
        if seconds:
            self._stopped.wait(seconds)
        self._check()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise CancelledError
