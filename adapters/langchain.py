"""A LangChain retriever: a query in, LangChain documents out, best first."""

from csplade.adapters.found import SCORE_KEY, metadata_of, text_of
from csplade.integration.async_search import AsyncSparseSearch
from csplade.integration.search import Hit
from csplade.integration.sparse_search import Filters, SparseSearch
from csplade.pipelines.errors import MissingExtraError

try:
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from pydantic import ConfigDict
except ImportError as error:
    raise MissingExtraError("langchain-core", "langchain") from error


class CspladeRetriever(BaseRetriever):
    """Finds documents by term weights; `metadata` holds their other fields and the score."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    search: SparseSearch
    async_search: AsyncSparseSearch | None = None
    """What `ainvoke` uses; without it, `search` in a thread."""
    size: int = 10
    filters: Filters = ()
    """Query clauses of the cluster's language that must hold."""

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [_document(hit) for hit in self.search.search(query, self.size, self.filters).hits]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        if self.async_search is None:
            return await super()._aget_relevant_documents(query, run_manager=run_manager)
        return [_document(hit) for hit in (await self.async_search.search(query, self.size, self.filters)).hits]


def _document(hit: Hit) -> Document:
    return Document(page_content=text_of(hit), metadata={**metadata_of(hit), SCORE_KEY: hit.score}, id=hit.id)
