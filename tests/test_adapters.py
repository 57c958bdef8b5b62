"""The retrievers of other libraries, each with the real library over a real index, on every line of servers."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from csplade.integration.async_search import AsyncSparseSearch
from csplade.integration.sparse_search import BulkOptions, SparseSearch
from csplade.integration.templates import IndexOptions
from csplade.pipelines.sparse import SparseVector
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.word_encoder import WordEncoder
from opensearchpy import OpenSearch

pytestmark = [
    pytest.mark.cluster,
    # What these libraries warn of in each other is not ours.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"),
]

RECORDS = [
    {"id": "a", "text": "bread in an oven", "lang": "en", "year": 2001},
    {"id": "b", "text": "bread bread", "title": "Twice", "lang": "en", "year": 1999},
    {"id": "c", "text": "bread brot", "lang": "de", "year": 2005},
    {"id": "d", "text": "salt", "lang": "en", "year": 2001},
]
ENGLISH = {"term": {"lang": "en"}}


class Elsewhere(WordEncoder):
    """Encodes queries in another thread than that of the loop."""

    def queries(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        assert threading.current_thread() is not threading.main_thread()
        return super().queries(texts)


@pytest.fixture
def search(line: ClusterLine, tmp_path: Path) -> Iterator[SparseSearch]:
    with OpenSearch(line.url, timeout=60) as client:
        search = SparseSearch(client, WordEncoder(), line.index)
        made = IndexOptions(analyzer=line.analyzer, shards=2)
        search.bulk(RECORDS, BulkOptions(index=made, dead_letters=tmp_path / "dead"))
        yield search


@pytest.fixture
def threaded(line: ClusterLine, search: SparseSearch) -> Iterator[SparseSearch]:
    """Give the same for a loop that is not to be held up."""
    with OpenSearch(line.url, timeout=60) as client:
        yield SparseSearch(client, Elsewhere(), search.index)


@pytest.fixture
def nowhere(search: SparseSearch) -> SparseSearch:
    """Give what cannot answer, so that only the asynchronous search can have."""
    return search.over(OpenSearch("http://127.0.0.1:9", max_retries=0))


@asynccontextmanager
async def in_loop(line: ClusterLine) -> AsyncIterator[AsyncSparseSearch]:
    from opensearchpy import AsyncOpenSearch

    async with (
        AsyncOpenSearch(line.url, timeout=60) as client,
        AsyncSparseSearch(client, WordEncoder(), line.index) as search,
    ):
        yield search


def test_langchain(line: ClusterLine, search: SparseSearch, threaded: SparseSearch, nowhere: SparseSearch) -> None:
    pytest.importorskip("langchain_core", reason="the extra langchain is not installed")
    from csplade.adapters.langchain import CspladeRetriever
    from langchain_core.documents import Document
    from langchain_core.runnables import RunnableLambda

    def ids(documents: list[Document]) -> list[str | None]:
        return [document.id for document in documents]

    retriever = CspladeRetriever(search=search, size=2, filters=ENGLISH)
    # Letters times count, on both sides; the title is a part of the text.
    expected = [
        Document(
            id="b",
            page_content="Twice\nbread bread",
            metadata={"id": "b", "title": "Twice", "lang": "en", "year": 1999, "csplade_score": 50.0},
        ),
        Document(
            id="a",
            page_content="bread in an oven",
            metadata={"id": "a", "lang": "en", "year": 2001, "csplade_score": 25.0},
        ),
    ]
    assert retriever.invoke("bread") == expected
    # As a link of a chain, and asynchronously, over a client of either kind.
    chain = retriever | RunnableLambda(ids)
    assert chain.batch(["salt", "oven bread"]) == [["d"], ["b", "a"]]
    in_threads = CspladeRetriever(search=threaded, size=2, filters=ENGLISH)
    assert asyncio.run(in_threads.ainvoke("bread")) == expected

    async def over_a_loop() -> list[Document]:
        async with in_loop(line) as found:
            return await CspladeRetriever(search=nowhere, async_search=found, size=2, filters=ENGLISH).ainvoke("bread")

    assert asyncio.run(over_a_loop()) == expected


def test_llama_index(line: ClusterLine, search: SparseSearch, threaded: SparseSearch, nowhere: SparseSearch) -> None:
    pytest.importorskip("llama_index.core", reason="the extra llama-index is not installed")
    from csplade.adapters.llama_index import CspladeRetriever
    from llama_index.core.schema import MetadataMode, NodeWithScore

    def seen(nodes: list[NodeWithScore]) -> list[tuple[str, str, float | None, object]]:
        return [
            (one.node.node_id, one.node.get_content(MetadataMode.NONE), one.score, one.node.metadata.get("year"))
            for one in nodes
        ]

    expected = [("b", "Twice\nbread bread", 50.0, 1999), ("a", "bread in an oven", 25.0, 2001)]
    assert seen(CspladeRetriever(search, 2, ENGLISH).retrieve("bread")) == expected
    assert seen(asyncio.run(CspladeRetriever(threaded, 2, ENGLISH).aretrieve("bread"))) == expected

    async def over_a_loop() -> list[NodeWithScore]:
        async with in_loop(line) as found:
            return await CspladeRetriever(nowhere, 2, ENGLISH, found).aretrieve("bread")

    assert seen(asyncio.run(over_a_loop())) == expected


def test_haystack(line: ClusterLine, search: SparseSearch, threaded: SparseSearch, nowhere: SparseSearch) -> None:
    pytest.importorskip("haystack", reason="the extra haystack is not installed")
    from csplade.adapters.haystack import CspladeRetriever
    from haystack import Pipeline

    def piped(retriever: CspladeRetriever) -> Pipeline:
        pipeline = Pipeline()
        pipeline.add_component("retriever", retriever)
        return pipeline

    def seen(answer: dict[str, Any]) -> list[tuple[str, str | None, float | None, object]]:
        found = answer["retriever"]["documents"]
        return [(one.id, one.content, one.score, one.meta["year"]) for one in found]

    question = {"retriever": {"query": "bread"}}
    expected = [("b", "Twice\nbread bread", 50.0, 1999), ("a", "bread in an oven", 25.0, 2001)]
    pipeline = piped(CspladeRetriever(search, top_k=2, filters=[ENGLISH]))
    assert seen(pipeline.run(question)) == expected
    assert seen(pipeline.run({"retriever": {"query": "bread", "top_k": 1}})) == expected[:1]
    in_threads = piped(CspladeRetriever(threaded, top_k=2, filters=[ENGLISH]))
    assert seen(asyncio.run(in_threads.run_async(question))) == expected

    async def over_a_loop() -> dict[str, Any]:
        async with in_loop(line) as found:
            return await piped(CspladeRetriever(nowhere, 2, [ENGLISH], found)).run_async(question)

    assert seen(asyncio.run(over_a_loop())) == expected


def test_pyterrier(search: SparseSearch) -> None:
    pytest.importorskip("pyterrier", reason="the extra pyterrier is not installed")
    import pandas as pd
    import pyterrier as pt
    from csplade.adapters.pyterrier import CspladeRetriever

    retriever: Any = CspladeRetriever(search, size=2)
    topics = pd.DataFrame({"qid": ["1", "2", "3"], "query": ["oven bread", "nothing", "salt"], "mark": [7, 8, 9]})
    found = retriever(topics)
    assert list(found.columns) == ["qid", "query", "mark", "docno", "score", "rank"]
    assert [(one.qid, one.mark, one.docno, one.score, one.rank) for one in found.itertuples()] == [
        ("1", 7, "b", 50.0, 0),
        ("1", 7, "a", 41.0, 1),
        ("3", 9, "d", 16.0, 0),
    ]
    assert list(retriever(topics.iloc[1:2])["docno"]) == []
    cut = (retriever % 1)(topics)
    assert list(cut["docno"]) == ["b", "d"]
    judged = pd.DataFrame({"qid": ["1", "3"], "docno": ["a", "d"], "label": [1, 1]})
    measured: Any = pt.Experiment([retriever], topics[topics.qid != "2"], judged, ["recip_rank"], names=["csplade"])
    assert measured["recip_rank"].tolist() == [0.75]
    with pytest.raises(KeyError, match="query"):
        retriever(topics[["qid"]])
