"""A Haystack retriever: a component with a query in and Haystack documents out, best first."""

from csplade.adapters.found import metadata_of, text_of
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

    def __init__(self, search: SparseSearch, top_k: int = 10, filters: Filters = ()) -> None:
        """Use filters in the cluster's own language of queries, which are not Haystack's."""
        self._search, self._top_k, self._filters = search, top_k, filters

    @component.output_types(documents=list[Document])
    def run(self, query: str, top_k: int | None = None) -> dict[str, list[Document]]:
        """Return the best documents for a query, `top_k` of them at most."""
        size = self._top_k if top_k is None else top_k
        hits = self._search.search(query, size, self._filters).hits
        found = [Document(id=hit.id, content=text_of(hit), meta=metadata_of(hit), score=hit.score) for hit in hits]
        return {"documents": found}
