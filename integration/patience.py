"""Patience with a cluster that is busy or away for a while: how long it lasts, and a client whose requests have it.

Bulk requests are sent again by `bulk`, document by document; everything else that a run asks goes through `patient`.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import TypeVar

import opensearchpy
from csplade.integration.client import address
from csplade.integration.errors import ClusterError, RequestError, UnreachableError
from opensearchpy import OpenSearch

_CUT_OFF = 0
"""The status of an answer that cannot be read."""
BUSY_CLUSTER = frozenset({429, 502, 503, 504, _CUT_OFF})
"""Statuses of a cluster that may take the same request later."""
# What is over after a second or two need not be told.
_TOLD_ATTEMPT = 3
_LAST_ATTEMPTS = 3

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Patience:
    """How often and how far apart a request is sent again; waits double, from `first_wait` seconds."""

    attempts: int = 8
    first_wait: float = 0.5
    longest_wait: float = 30.0
    outage: float = 600.0
    """Seconds in which a cluster that takes nothing at all is waited for, beyond the attempts."""
    request_seconds: float = 120.0
    """How long one answer to a bulk request is waited for. The cluster may still do what a request that was given up
    asks for."""

    def wait(self, attempt: int) -> float:
        """Return the seconds before attempt number `attempt`; half of them by chance, so that clients spread out."""
        longest: float = min(self.longest_wait, self.first_wait * 2 ** (attempt - 1))
        return longest * random.uniform(0.5, 1.0)

    @property
    def last(self) -> "Patience":
        """Return what is left of it at the end of a run that has failed or was stopped: a few attempts."""
        return replace(self, attempts=min(self.attempts, _LAST_ATTEMPTS), outage=0.0)


def patiently(ask: Callable[[], _Answer], patience: Patience, stopped: threading.Event | None = None) -> _Answer:
    """Return what `ask`, which may be done twice, returns; while the cluster is busy or away, wait and ask again.

    `stopped` ends the waiting of a thread that is not the main one: Ctrl-C, which reaches that one alone, does not.

    Raises:
        ClusterError: as `ask`; also of a busy cluster, when the patience has come to its end or is `stopped`.
    """
    began = time.monotonic()
    for attempt in count(1):
        try:
            return ask()
        except (UnreachableError, RequestError) as error:
            if isinstance(error, RequestError) and error.status not in BUSY_CLUSTER:
                raise
            if attempt >= patience.attempts and time.monotonic() - began >= patience.outage:
                raise
            _tell(error, attempt, patience)
            if _stopped_within(patience.wait(attempt), stopped):
                raise
    raise AssertionError  # The loop has no end.


def patient(client: OpenSearch, patience: Patience) -> OpenSearch:
    """Return the client with this patience; for requests that may be done twice, and not for bulk requests.

    An address where no cluster is would be waited for as well: let the first request of a run do without.
    """

    def transport(_hosts: object) -> opensearchpy.Transport:
        return _Patient(client, patience)

    # opensearch-py calls whatever it is given for the class of its transport.
    return OpenSearch(transport_class=transport)  # type: ignore[arg-type]


class _Patient(opensearchpy.Transport):
    """Sends by the transport of another client, again and again if need be."""

    def __init__(self, client: OpenSearch, patience: Patience) -> None:
        self._owner: opensearchpy.Transport = client.transport
        super().__init__([], serializer=self._owner.serializer)
        self._patience = patience
        self.addresses = address(client)

    def perform_request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        body: object = None,
        timeout: int | float | None = None,
        ignore: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> object:
        def ask() -> object:
            # opensearch-py takes out of them what is its own, such as the time that it waits.
            given = None if params is None else dict(params)
            return self._owner.perform_request(method, url, given, body, timeout, ignore, headers)

        return patiently(ask, self._patience)


def _stopped_within(seconds: float, stopped: threading.Event | None) -> bool:
    if stopped is not None:
        return stopped.wait(seconds)
    time.sleep(seconds)
    return False


def _tell(error: ClusterError, attempt: int, patience: Patience) -> None:
    if attempt == _TOLD_ATTEMPT:
        _log.warning("%s. It is asked again, for %.0f s at least", error, patience.outage)
