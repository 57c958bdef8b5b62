"""Slices of an index are read by several threads; their documents come out one by one, those of a slice in order."""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from csplade.integration.slices import Found, Slice, cut, tails
from csplade.integration.slices_snapshot import Snapshot

_LOOK_SECONDS = 0.1
# What waits ends at once. A request that meets a cluster which hangs is left alone, as nobody wants its answer.
_GRACE_SECONDS = 5.0

_Thing = TypeVar("_Thing")
_Hits = list[Mapping[str, Any]]  # Any: JSON objects
Settled = Callable[[int, int], int | None]
"""Tells up to before which place of a shard all is settled from a place on, None where it is not."""


def _nothing_settled(shard: int, place: int) -> int | None:
    return None


@dataclass(frozen=True)
class ReadOptions:
    """How an index is read."""

    source: object = True
    """What of `_source` is wanted, as in the body of a search."""
    threads: int = 4
    """Slices that are read at the same time, into which the index is cut."""
    page: int = 200
    """Documents of one answer."""


@dataclass(frozen=True)
class _Page:
    part: Slice
    after: int
    hits: _Hits


def read_index(
    snapshot: Snapshot, options: ReadOptions, begin: Sequence[int] = (), settled: Settled = _nothing_settled
) -> Generator[Found, None, None]:
    """Give the documents of an index from the place `begin` of each shard on, as they arrive.

    Those that are `settled` come without their content.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    yield from _read_slices(snapshot, cut(snapshot.last, options.threads, begin), options, settled)
    if not snapshot.frozen:
        # Behind all others: a document that changes meanwhile leaves its slice for this one, and is met here.
        yield from _read_slices(snapshot, tails(snapshot.last), options, settled)


def _read_slices(
    snapshot: Snapshot, slices: Sequence[Slice], options: ReadOptions, settled: Settled
) -> Generator[Found, None, None]:
    # One page a thread waits, so that memory is bounded.
    room = _queue_of([None] * options.threads)
    work = _Work(snapshot, options, settled, _queue_of(slices), room, queue.SimpleQueue(), threading.Event())
    threads = [threading.Thread(target=work.run, daemon=True) for _ in range(min(options.threads, len(slices)))]
    try:
        for thread in threads:
            thread.start()
        running = len(threads)
        while running:
            page = work.done.get()
            room.put(None)
            if isinstance(page, Exception):
                raise page
            if page is None:
                running -= 1
            else:
                yield from _in_order(page)
    finally:
        work.stop.set()
        _join(threads)


def _queue_of(things: Iterable[_Thing]) -> "queue.SimpleQueue[_Thing]":
    """Return a queue of this kind, as Ctrl-C while one of `queue.Queue` is asked could leave its lock taken."""
    made: queue.SimpleQueue[_Thing] = queue.SimpleQueue()
    for thing in things:
        made.put(thing)
    return made


def _join(threads: Sequence[threading.Thread]) -> None:
    """Wait for a while until nobody asks any more, since the points in time are given back then."""
    deadline = time.monotonic() + _GRACE_SECONDS
    for thread in threads:
        # Ctrl-C may have come before all were started.
        if thread.is_alive():
            thread.join(max(0.0, deadline - time.monotonic()))


def _in_order(page: _Page) -> Iterator[Found]:
    after = page.after
    for hit in page.hits:
        found = Found(page.part.shard, after, hit)
        yield found
        after = found.place


@dataclass(frozen=True)
class _Work:
    snapshot: Snapshot
    options: ReadOptions
    settled: Settled
    todo: "queue.SimpleQueue[Slice]"
    room: "queue.SimpleQueue[None]"
    """One for each page that may still be put into `done`."""
    done: "queue.SimpleQueue[_Page | Exception | None]"
    stop: threading.Event
    """Ends also the waiting for a cluster that is away."""

    def run(self) -> None:
        """Read slices until there is none left."""
        try:
            while not self.stop.is_set():
                try:
                    part = self.todo.get_nowait()
                except queue.Empty:
                    break
                self._read(part)
        # Raised again in the thread that waits for it.
        except Exception as error:
            self._hand_over(error)
        else:
            self._hand_over(None)

    def _read(self, part: Slice) -> None:
        after = part.begin - 1
        while not self.stop.is_set():
            wanted, source = part, self.options.source
            held = self.settled(part.shard, after + 1)
            if held is not None:
                wanted = Slice(part.shard, part.begin, held if part.end is None else min(held, part.end))
                source = False
            hits = self.snapshot.page(wanted, after, self.options.page, source, self.stop)
            if hits:
                self._hand_over(_Page(part, after, hits))
                after = int(hits[-1]["sort"][0])
            elif wanted.end == part.end:
                return
            elif wanted.end is not None:
                after = wanted.end - 1

    def _hand_over(self, page: _Page | Exception | None) -> None:
        while not self.stop.is_set():
            try:
                self.room.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            self.done.put(page)
            return
