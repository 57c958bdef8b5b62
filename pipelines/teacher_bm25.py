"""BM25 as a teacher: the literal path (`literal.py`) with every gate at 1, idf over broad text, no index needed."""

from collections.abc import Mapping, Sequence

import numpy as np
from csplade.pipelines.contract import Literal
from csplade.pipelines.literal import K1, B, Floats, document_weights, frequencies, query_weights
from csplade.pipelines.words import Word, split_words

_AVERAGE_WORDS, _ANALYSIS = 90.0, "english"


class Bm25Teacher:
    """Scores by the words that query and document share."""

    def __init__(self, idf: Mapping[str, float], default_idf: float) -> None:
        self._idf = idf
        self._literal = Literal(K1, B, _AVERAGE_WORDS, default_idf, _ANALYSIS)

    def matrix(self, queries: Sequence[str], documents: Sequence[str]) -> Floats:
        """Return the scores of every document for every query: (queries, documents)."""
        weights = [self._document(text) for text in documents]
        scores = np.zeros((len(queries), len(documents)), dtype=np.float32)
        for row, query in enumerate(queries):
            asked = self._query(query)
            scores[row] = [_dot(asked, found) for found in weights]
        return scores

    def lists(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[Floats]:
        """Return the scores of each query's own documents, one array (documents of the query,) per query."""
        return [self.matrix([query], texts)[0] for query, texts in zip(queries, documents, strict=True)]

    def _document(self, text: str) -> dict[str, float]:
        words = split_words(text, _ANALYSIS)
        return document_weights(_counted(words), len(words), self._idf, self._literal)

    def _query(self, text: str) -> dict[str, float]:
        return query_weights(_counted(split_words(text, _ANALYSIS)), self._idf, self._literal)


def _counted(words: Sequence[Word]) -> dict[str, float]:
    return frequencies(words, np.ones(len(words), dtype=np.float32))


def _dot(asked: Mapping[str, float], found: Mapping[str, float]) -> float:
    return sum(weight * found.get(key, 0.0) for key, weight in asked.items())
