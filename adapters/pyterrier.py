"""A PyTerrier transformer: a frame of queries in, a frame of ranked documents out, for experiments and pipelines."""

from csplade.integration.sparse_search import Filters, SparseSearch
from csplade.pipelines.errors import MissingExtraError

try:
    import pandas as pd
    import pyterrier as pt
except ImportError as error:
    raise MissingExtraError("pyterrier", "pyterrier") from error


class CspladeRetriever(pt.Transformer):  # type: ignore[misc]  # PyTerrier says nothing of its types
    """Finds documents by term weights: `docno`, `score` and `rank` beside the columns of each query."""

    def __init__(self, search: SparseSearch, size: int = 1000, filters: Filters = ()) -> None:
        """Return at most `size` documents of each query."""
        self._search, self._size, self._filters = search, size, filters

    def transform(self, topics: pd.DataFrame) -> pd.DataFrame:
        """Return the ranked documents of each query, in the order of the queries.

        Raises:
            InputValidationError: there is no column `qid` or `query`.
        """
        pt.validate.query_frame(topics, extra_columns=["query"])
        rankings = self._search.msearch(topics["query"], self._size, self._filters)
        found = [
            (row, hit.id, hit.score) for row, hits in zip(range(len(topics)), rankings, strict=True) for hit in hits
        ]
        rows, documents, scores = zip(*found, strict=True) if found else ((), (), ())
        results = topics.iloc[list(rows)].reset_index(drop=True)
        results["docno"] = pd.Series(documents, dtype=object)
        results["score"] = pd.Series(scores, dtype=float)
        return pt.model.add_ranks(results)
