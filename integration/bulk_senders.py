"""Batches go to the cluster in threads, so that the next ones are encoded meanwhile; their results come back here."""

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from csplade.integration.bulk import Action, Sent, send
from csplade.integration.bulk_pace import Pace
from csplade.integration.circuit import Circuit
from csplade.integration.documents import Document, Rejected
from csplade.integration.patience import Patience
from opensearchpy import OpenSearch

_GRACE_SECONDS = 10.0


@dataclass(eq=False)
class Batch:
    """Consecutive records of a source, from number `begin` up to before `end`: what is sent, and what never can be."""

    begin: int
    end: int
    actions: dict[str, Action] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    """Numbers of the records in `actions`, by id."""
    unusable: list[tuple[int, Document | Rejected, str]] = field(default_factory=list)
    """Numbers, records and reasons."""
    bytes: int = 0
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class _Result:
    batch: Batch
    sent: Sent
    error: BaseException | None = None


class Senders:
    """Threads that send batches; a context manager that, whatever ends it, waits for what is on its way."""

    def __init__(self, client: OpenSearch, index: str, patience: Patience, pace: Pace) -> None:
        self._client, self._index, self._patience, self._pace = client, index, patience, pace
        self._circuit = Circuit(patience.outage)
        self._todo: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._done: deque[_Result] = deque()
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._flying: list[Batch] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._circuit.stop()
        for _ in self._threads:
            self._todo.put(None)

    def flies(self, identity: str) -> bool:
        """Return whether a document of that id is on its way."""
        return any(identity in batch.actions for batch in self._flying)

    def submit(self, batch: Batch) -> None:
        """Send a batch as soon as a thread is free; whoever calls has made room with `settled`."""
        self._flying.append(batch)
        if len(self._threads) < min(len(self._flying), self._pace.most_requests):
            # Daemons: a cluster that hangs does not keep the program from ending.
            self._threads.append(threading.Thread(target=self._work, daemon=True))
            self._threads[-1].start()
        self._todo.put(batch)

    def settled(self, most: int | None = None) -> Iterator[tuple[Batch, Sent]]:
        """Give what is settled; wait for it until at most `most` batches are on their way. None: as the pace allows.

        Raises:
            ClusterError: a batch could not be sent; others may come after it.
        """
        while self._flying:
            allowed = self._pace.requests + self._pace.ready - 1 if most is None else most
            result = self._next(None if len(self._flying) > allowed else 0.0)
            if result is None:
                return
            self._flying.remove(result.batch)
            if result.error is not None:
                raise result.error
            yield result.batch, result.sent

    def rescued(self) -> Iterator[tuple[Batch, Sent]]:
        """End all waiting and give what is settled all the same within a few seconds."""
        self._circuit.stop()
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._flying:
            result = self._next(max(0.0, deadline - time.monotonic()))
            if result is None:
                return
            self._flying.remove(result.batch)
            if result.error is None:
                yield result.batch, result.sent

    def _next(self, seconds: float | None) -> _Result | None:
        """Take the next result, None if there is none after so many seconds; with None wait for it.

        It is taken when the waiting is over: Ctrl-C in the moment in which it arrives would lose what a queue gave.
        """
        while not self._done:
            try:
                self._news.get(timeout=seconds)
            except queue.Empty:
                break
        return self._done.popleft() if self._done else None

    def _tell(self, result: _Result) -> None:
        self._done.append(result)
        self._news.put(None)

    def _work(self) -> None:
        while (batch := self._todo.get()) is not None:
            try:
                sent = send(
                    *(self._client, self._index, list(batch.actions.values()), self._patience),
                    *(self._circuit, self._pace),
                )
            # Raised again in the thread that waits for it.
            except Exception as error:
                self._tell(_Result(batch, Sent(), error))
            else:
                self._tell(_Result(batch, sent))
