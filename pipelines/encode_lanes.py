"""Batches through the graph: in the caller's thread, or several at the same time."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from csplade.pipelines.graph import GraphOutput, Role, Runs

Batch = Sequence[Sequence[int]]
"""Token ids of texts."""


class Pending(Protocol):
    """A batch on its way."""

    def result(self) -> GraphOutput:
        """Return what the graph says, when it has said it."""
        ...

    def cancel(self) -> bool:
        """Give the batch up if it has not begun."""
        ...


class Lanes:
    """So many batches of one graph at the same time; the graph must be safe to share between threads."""

    def __init__(self, graph: Runs, count: int) -> None:
        self._graph = graph
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="csplade-lane") if count > 1 else None

    def start(self, batches: Iterable[Batch], role: Role) -> list[Pending]:
        """Start batches; a single lane runs each when its result is asked for."""
        if self._pool is None:
            return [_Later(self._graph, batch, role) for batch in batches]
        futures: list[Future[GraphOutput]] = [self._pool.submit(self._graph.run, batch, role) for batch in batches]
        return [*futures]


class _Later:
    """A batch that runs in the thread that wants its result."""

    def __init__(self, graph: Runs, batch: Batch, role: Role) -> None:
        self._graph, self._batch, self._role = graph, batch, role

    def result(self) -> GraphOutput:
        return self._graph.run(self._batch, self._role)

    def cancel(self) -> bool:
        return True
