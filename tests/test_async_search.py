"""The same from an event loop: one implementation, requests by the owner's client, and calls that are cancelled."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from csplade.integration.async_search import AsyncSparseSearch
from csplade.integration.errors import IndexConflictError, UnreachableError
from csplade.integration.query import Mode, QueryOptions
from csplade.integration.sparse_search import BulkOptions, SparseSearch
from csplade.integration.templates import IndexOptions
from csplade.pipelines.errors import SourceError
from csplade.pipelines.sparse import SparseVector
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.faulty_proxy import SLOW, FaultyProxy, running
from csplade.tests.word_encoder import WordEncoder
from opensearchpy import OpenSearch

pytest.importorskip("aiohttp", reason="the extra async is not installed")
from opensearchpy import AsyncOpenSearch

pytestmark = pytest.mark.cluster

COUNT = 300


@pytest.fixture
def options(line: ClusterLine, tmp_path: Path) -> BulkOptions:
    return BulkOptions(index=IndexOptions(analyzer=line.analyzer, shards=2), dead_letters=tmp_path / "dead.jsonl")


async def records(count: int = COUNT) -> AsyncIterator[dict[str, Any]]:
    for number in range(count):
        if number % 50 == 0:
            await asyncio.sleep(0)
        yield {"id": number, "text": f"bread number{number}"}


def test_all_of_it_is_as_without_a_loop(line: ClusterLine, options: BulkOptions) -> None:
    async def work() -> None:
        async with (
            AsyncOpenSearch(line.url, timeout=60) as client,
            AsyncSparseSearch(client, WordEncoder(), line.index) as search,
        ):
            assert await search.create(options.index) is True
            assert await search.create() is False
            report = await search.bulk(records(), options)
            assert (report.read, report.indexed, report.failed) == (COUNT, COUNT, 0)
            plain = SparseSearch(OpenSearch(line.url, timeout=60), WordEncoder(), line.index)
            texts = [f"number{number} bread" for number in range(60)]
            # Many at once over few threads.
            pages = await asyncio.gather(*(search.search(text, 2, explain=True) for text in texts))
            assert pages == [plain.search(text, 2, explain=True) for text in texts]
            assert [page.hits[0].id for page in pages] == [str(number) for number in range(60)]
            assert await search.msearch(texts, 3) == tuple(plain.msearch(texts, 3))
            assert await search.explain("number7", "7") == plain.explain("number7", "7")
            body = await search.body("number7")
            assert body == plain.body("number7")
            assert (await client.search(index=line.index, body=body))["hits"]["hits"][0]["_id"] == "7"
            by_words = await search.search("number7", options=QueryOptions(Mode.BM25))
            assert [hit.id for hit in by_words.hits] == ["7"]

    asyncio.run(work())


def test_the_loop_stays_free_while_documents_are_encoded(line: ClusterLine, options: BulkOptions) -> None:
    class Slow(WordEncoder):
        def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
            assert threading.current_thread() is not threading.main_thread()
            for vector in super().documents(texts):
                time.sleep(0.005)
                yield vector

    async def work() -> None:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        async with (
            AsyncOpenSearch(line.url, timeout=60) as client,
            AsyncSparseSearch(client, Slow(), line.index) as search,
        ):
            others = asyncio.create_task(turn())
            report = await search.bulk([{"id": one, "text": "bread"} for one in range(100)], options)
            others.cancel()
        assert report.indexed == 100
        # Half a second of encoding; blocked, the loop would turn a few times, between the requests.
        assert turns > 20

    asyncio.run(work())


def test_errors_come_through(line: ClusterLine, options: BulkOptions) -> None:
    async def failing() -> AsyncIterator[dict[str, Any]]:
        yield {"id": 1, "text": "bread"}
        raise SourceError("the source is broken")

    async def work() -> None:
        async with (
            AsyncOpenSearch(line.url, timeout=60) as client,
            AsyncSparseSearch(client, WordEncoder(), line.index) as search,
        ):
            with pytest.raises(IndexConflictError, match="there is no index"):
                await search.search("bread")
            with pytest.raises(SourceError, match="the source is broken"):
                await search.bulk(failing(), options)
        async with AsyncOpenSearch("http://someone:secret@127.0.0.1:9", max_retries=0) as nobody:
            search = AsyncSparseSearch(nobody, WordEncoder(), line.index)
            with pytest.raises(UnreachableError, match=r"no cluster answers at http://127\.0\.0\.1:9 ") as caught:
                await search.search("bread")
            assert "secret" not in str(caught.value)
            await search.close()

    asyncio.run(work())


def test_a_call_that_is_cancelled_sends_nothing_more(line: ClusterLine, options: BulkOptions) -> None:
    async def work(proxy: FaultyProxy) -> int:
        async with (
            AsyncOpenSearch(proxy.url, timeout=60) as client,
            AsyncSparseSearch(client, WordEncoder(), line.index) as search,
        ):
            endless = ({"id": one, "text": "bread"} for one in range(100_000))
            call = asyncio.create_task(search.bulk(endless, options))
            async with asyncio.timeout(60):
                while proxy.bulks < 2:
                    await asyncio.sleep(0.01)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            sent = proxy.bulks
            await asyncio.sleep(2.0)
            # What the proxy had begun to read when the call ended.
            assert proxy.bulks <= sent + 4
            # The object is of use as before.
            assert (await search.search("bread", 1)).hits is not None
            return sent

    with running(FaultyProxy(line.url, [None] + [SLOW] * 500)) as proxy:
        assert asyncio.run(work(proxy)) < 20
