"""A Haystack retriever: a component with a query in and Haystack documents out, best first."""

import asyncio

from csplade.adapters.found import metadata_of, text_of
from csplade.integration.async_search import AsyncSparseSearch
from csplade.integration.search import Page
from csplade.integration.sparse_search import Filters, SparseSearch
from csplade.pipelines.errors import MissingExtraError

try:
    from haystack import Document, component
except ImportError as error:
    raise MissingExtraError("haystack-ai", "haystack") from error


@component
class CspladeRetriever:
    """Finds documents by term weights; `meta` holds their other fields.

    It holds a connection, so that a pipeline with it is made in Python and not read from YAML.
    """

    def __init__(
        self,
        search: SparseSearch,
        top_k: int = 10,
        filters: Filters = (),
        async_search: AsyncSparseSearch | None = None,
    ) -> None:
        """Use filters in the cluster's own language of queries, which are not Haystack's.

        `async_search` is what a pipeline asks that runs in a loop; without it, `search` in a thread.
        """
        self._search, self._top_k, self._filters, self._async_search = search, top_k, filters, async_search

    @component.output_types(documents=list[Document])
    def run(self, query: str, top_k: int | None = None) -> dict[str, list[Document]]:
        """Return the best documents for a query, `top_k` of them at most."""
        return {"documents": _documents(self._search.search(query, self._size(top_k), self._filters))}

    @component.output_types(documents=list[Document])
    async def run_async(self, query: str, top_k: int | None = None) -> dict[str, list[Document]]:
        """Do the same in an event loop."""
        if self._async_search is None:
            return await asyncio.to_thread(self.run, query, top_k)
        return {"documents": _documents(await self._async_search.search(query, self._size(top_k), self._filters))}

    def _size(self, top_k: int | None) -> int:
        return self._top_k if top_k is None else top_k


def _documents(page: Page) -> list[Document]:
    return [Document(id=hit.id, content=text_of(hit), meta=metadata_of(hit), score=hit.score) for hit in page.hits]
