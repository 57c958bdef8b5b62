"""`SparseSearch` for an event loop, with opensearch-py's `AsyncOpenSearch`.

What is computed (encoding, reading answers) runs in threads of its own, so that the loop stays free; every request runs
in the loop, by the given client. There is one implementation of searching and ingesting: that of `sparse_search`.
"""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeVar

from csplade.integration.borrowed_client import Bridge
from csplade.integration.documents import Document
from csplade.integration.encoder import Encoder
from csplade.integration.ingest_report import IngestReport
from csplade.integration.missing import Placement
from csplade.integration.query import QueryOptions
from csplade.integration.search import Page, Scored
from csplade.integration.sparse_search import BulkOptions, Filters, Records, SparseSearch
from csplade.integration.templates import IndexOptions
from opensearchpy import OpenSearch

if TYPE_CHECKING:
    from opensearchpy import AsyncOpenSearch

_USUAL, _PLAIN = QueryOptions(), BulkOptions()
_CALLS = 32

_Record = Mapping[str, Any] | Document  # Any: JSON values
_Result = TypeVar("_Result")


class AsyncSparseSearch:
    """One index, searched by term weights from an event loop; an asynchronous context manager that ends its threads.

    A call that is cancelled cancels its request. The client stays open; whoever made it closes it.
    """

    def __init__(
        self,
        client: "AsyncOpenSearch",
        encoder: Encoder,
        index: str,
        options: QueryOptions = _USUAL,
        calls: int = _CALLS,
    ) -> None:
        """Ask nothing yet; `calls` run at once, others wait.

        Raises:
            UsageError: no index can have that name.
        """
        self._client = client
        # Every call has a client of its own, see `_run`; this one is never asked.
        self._search = SparseSearch(OpenSearch(), encoder, index, options)
        # Not the loop's own threads: the client may need those to look up names.
        self._threads = ThreadPoolExecutor(calls, thread_name_prefix="csplade")

    async def search(
        self,
        text: str,
        size: int = 10,
        filters: Filters = (),
        explain: bool = False,
        options: QueryOptions | None = None,
    ) -> Page:
        """Return what `SparseSearch.search` returns, and raise what it raises."""
        return await self._run(lambda search, _: search.search(text, size, filters, explain, options))

    async def msearch(
        self, texts: Iterable[str], size: int = 10, filters: Filters = (), options: QueryOptions | None = None
    ) -> tuple[tuple[Scored, ...], ...]:
        """Return ids and scores of the best hits of each text, in order; raise what `SparseSearch.msearch` raises."""
        return await self._run(lambda search, _: tuple(search.msearch(texts, size, filters, options)))

    async def explain(
        self, text: str, id: str, size: int = 10, filters: Filters = (), options: QueryOptions | None = None
    ) -> Placement:
        """Return what `SparseSearch.explain` returns, and raise what it raises."""
        return await self._run(lambda search, _: search.explain(text, id, size, filters, options))

    async def body(
        self, text: str, size: int = 10, filters: Filters = (), options: QueryOptions | None = None
    ) -> dict[str, Any]:  # Any: a JSON object
        """Return what `SparseSearch.body` returns, and raise what it raises."""
        return await self._run(lambda search, _: search.body(text, size, filters, options))

    async def create(self, options: IndexOptions = _PLAIN.index) -> bool:
        """Return what `SparseSearch.create` returns, and raise what it raises."""
        return await self._run(lambda search, _: search.create(options))

    async def calibrate(self) -> bool:
        """Return what `SparseSearch.calibrate` returns, and raise what it raises."""
        return await self._run(lambda search, _: search.calibrate())

    async def bulk(
        self,
        records: Records | AsyncIterable[_Record],
        options: BulkOptions = _PLAIN,
    ) -> IngestReport:
        """Return what `SparseSearch.bulk` returns, and raise what it raises; the records may come asynchronously."""

        def work(search: SparseSearch, bridge: Bridge) -> IngestReport:
            known = _pulled(records, bridge) if isinstance(records, AsyncIterable) else records
            return search.bulk(known, options)

        return await self._run(work)

    async def close(self) -> None:
        """End the threads; calls that run go on."""
        self._threads.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _run(self, work: Callable[[SparseSearch, Bridge], _Result]) -> _Result:
        """Do something in a thread, whose requests come back to this loop."""
        bridge = Bridge(self._client)
        search = self._search.over(bridge.client)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, search, bridge)
        finally:
            bridge.cut()


def _pulled(records: AsyncIterable[_Record], bridge: Bridge) -> Iterator[_Record]:
    """Give, in a thread, what comes in the loop."""
    source = aiter(records)

    async def next_one() -> tuple[_Record, ...]:
        try:
            return (await anext(source),)
        except StopAsyncIteration:
            return ()

    while one := bridge.run(next_one()):
        yield from one
