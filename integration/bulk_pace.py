"""How large bulk requests are and how many go at once: a little more after each good answer, half after a bad one.

Bad are 429 and its like, and answers that take longer than `slow_seconds`. All who send share one pace.
"""

import threading
import time
from dataclasses import dataclass

_STEPS_TO_FULL = 20
_CUT = 0.5


@dataclass(frozen=True)
class PaceOptions:
    """The most that the cluster is given; a pace begins there."""

    documents: int = 500
    """Of one request."""
    bytes: int = 5_000_000
    """Of one request; a single larger document is a request of its own."""
    requests: int = 4
    """At the same time."""
    slow_seconds: float = 10.0
    """An answer that takes longer asks for smaller requests."""


class Pace:
    """What the cluster is given at the moment; safe to share between threads."""

    def __init__(self, options: PaceOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._share = 1.0
        self._requests = float(options.requests)
        self._last_cut = -1.0

    @property
    def documents(self) -> int:
        """Return how many documents a request may have."""
        return max(1, int(self._options.documents * self._share))

    @property
    def bytes(self) -> int:
        """Return how many bytes a request may have."""
        return max(1, int(self._options.bytes * self._share))

    @property
    def requests(self) -> int:
        """Return how many requests may be on their way."""
        return max(1, int(self._requests))

    @property
    def most_requests(self) -> int:
        """Return how many may be on their way at the best."""
        return self._options.requests

    @property
    def ready(self) -> int:
        """Return how many batches may be made while as many as may be are on their way.

        One, if the cluster keeps up: so that no request waits for documents when another one is answered.
        """
        return 1 if self.requests == self.most_requests else 0

    def answered(self, began: float, whole: bool) -> None:
        """Take note of an answer to a request of the moment `began`; `whole`: no document is to be sent again."""
        if not whole or time.monotonic() - began > self._options.slow_seconds:
            self.refused(began)
            return
        with self._lock:
            self._share = min(1.0, self._share + 1 / _STEPS_TO_FULL)
            # One more for a round of all of them.
            self._requests = min(self._options.requests, self._requests + 1 / self._requests)

    def refused(self, began: float) -> None:
        """Take note that a request of the moment `began` was too much."""
        with self._lock:
            # Those that were on their way together tell of the same jam.
            if began < self._last_cut:
                return
            self._last_cut = time.monotonic()
            self._share = max(1 / self._options.documents, self._share * _CUT)
            self._requests = max(1.0, self._requests * _CUT)
