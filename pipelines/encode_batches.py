"""Texts into windows, windows into batches, and one window ahead of the one that is used."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


def windows(texts: Iterable[str], most: int, characters: int) -> Iterator[list[str]]:
    """Group texts, in order, into windows of at most so many texts and characters."""
    window: list[str] = []
    size = 0
    for text in texts:
        if window and size + len(text) > characters:
            yield window
            window, size = [], 0
        window.append(text)
        size += len(text)
        if len(window) == most:
            yield window
            window, size = [], 0
    if window:
        yield window


def batches(lengths: Mapping[int, int], budget: int) -> Iterator[list[int]]:
    """Group positions by similar length (in tokens), so that a group padded to its longest keeps to the budget."""
    group: list[int] = []
    for position in sorted(lengths, key=lambda position: (lengths[position], position)):
        if group and (len(group) + 1) * lengths[position] > budget:
            yield group
            group = []
        group.append(position)
    if group:
        yield group


def one_ahead(items: Iterator[_Item], make: Callable[[_Item], _Made]) -> Iterator[_Made]:
    """Make something of each item, in order; while the caller uses one, a thread makes the next.

    Items are taken in the caller's thread, and an only one is made there as well. What an item's source raises comes
    when all before it has been given.
    """
    taken = _Taken(items)
    first, second = taken.next(), taken.next()
    if first is None or second is None:
        yield from map(make, first or ())
        taken.check()
        return
    with ThreadPoolExecutor(1, thread_name_prefix="csplade-ahead") as pool:
        waiting: Future[_Made] = pool.submit(make, first[0])
        following: tuple[_Item] | None = second
        while following is not None:
            ready, waiting = waiting, pool.submit(make, following[0])
            yield ready.result()
            following = taken.next()
        yield waiting.result()
    taken.check()


class _Taken(Generic[_Item]):
    """Takes items, and keeps an error of their source for when those before it are used."""

    def __init__(self, items: Iterator[_Item]) -> None:
        self._items = items
        self._error: Exception | None = None

    def next(self) -> tuple[_Item] | None:
        """Return the next item, None at the end or at an error."""
        if self._error is not None:
            return None
        try:
            return next(((item,) for item in self._items), None)
        except Exception as error:
            self._error = error
            return None

    def check(self) -> None:
        """Raise the error that ended the items, if one did."""
        if self._error is not None:
            raise self._error
