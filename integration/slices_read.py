"""Slices of an index are read by several threads; their documents come out one by one, those of a slice in order."""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from csplade.integration.slices import Found, Slice, cut, tails
from csplade.integration.slices_snapshot import Snapshot

_LOOK_SECONDS = 0.1

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
    todo: queue.SimpleQueue[Slice] = queue.SimpleQueue()
    for part in slices:
        todo.put(part)
    # One page a thread waits, so that memory is bounded.
    done: queue.Queue[_Page | Exception | None] = queue.Queue(maxsize=options.threads)
    stop = threading.Event()
    work = _Work(snapshot, options, settled, todo, done, stop)
    threads = [threading.Thread(target=work.run, daemon=True) for _ in range(min(options.threads, len(slices)))]
    for thread in threads:
        thread.start()
    try:
        running = len(threads)
        while running:
            page = done.get()
            if isinstance(page, Exception):
                raise page
            if page is None:
                running -= 1
            else:
                yield from _in_order(page)
    finally:
        stop.set()
        # The points in time are given back when nobody asks any more.
        for thread in threads:
            thread.join()


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
    done: "queue.Queue[_Page | Exception | None]"
    stop: threading.Event

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
            hits = self.snapshot.page(wanted, after, self.options.page, source)
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
                self.done.put(page, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return
