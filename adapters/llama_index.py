"""A LlamaIndex retriever: a query in, nodes with scores out, best first."""

import asyncio

from csplade.adapters.found import metadata_of, text_of
from csplade.integration.async_search import AsyncSparseSearch
from csplade.integration.search import Page
from csplade.integration.sparse_search import Filters, SparseSearch
from csplade.pipelines.errors import MissingExtraError

try:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
except ImportError as error:
    raise MissingExtraError("llama-index-core", "llama-index") from error


class CspladeRetriever(BaseRetriever):
    """Finds documents by term weights; the nodes' metadata are their other fields."""

    def __init__(
        self,
        search: SparseSearch,
        size: int = 10,
        filters: Filters = (),
        async_search: AsyncSparseSearch | None = None,
    ) -> None:
        """Use `async_search` in `aretrieve`, or without it `search` in a thread."""
        super().__init__()
        self._search, self._size, self._filters, self._async_search = search, size, filters, async_search

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _nodes(self._search.search(query_bundle.query_str, self._size, self._filters))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if self._async_search is None:
            return await asyncio.to_thread(self._retrieve, query_bundle)
        return _nodes(await self._async_search.search(query_bundle.query_str, self._size, self._filters))


def _nodes(page: Page) -> list[NodeWithScore]:
    return [
        NodeWithScore(node=TextNode(id_=hit.id, text=text_of(hit), metadata=metadata_of(hit)), score=hit.score)
        for hit in page.hits
    ]
