"""BM25 as a teacher: the literal path (`literal.py`) with every gate at 1, idf over broad text, no index needed."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from csplade.pipelines.broad_text import count_terms, distinct
from csplade.pipelines.contract import Literal
from csplade.pipelines.literal import K1, B, Floats, document_weights, frequencies, query_weights
from csplade.pipelines.training_options import QueryPath, ReadingOptions, TermSpace
from csplade.pipelines.words import Word, split_words
from tokenizers import Tokenizer

_AVERAGE_WORDS, _ANALYSIS = 90.0, "english"


def has_word_idf(reading: ReadingOptions) -> bool:
    """Say whether the table of an encoder that reads so is idf of this teacher's words."""
    counted = reading.term_space is TermSpace.WORDS and reading.query_path is not QueryPath.LEARNED
    return counted and reading.analysis == _ANALYSIS


def word_idf(documents: Iterable[str], tokenizer: Tokenizer) -> tuple[Mapping[str, float], float]:
    """Count the idf of words over documents, and return that of words that are not there as well."""
    counted = count_terms(distinct(documents), ReadingOptions(analysis=_ANALYSIS), tokenizer, ())
    return counted.idf, counted.default_idf


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
    return frequencies([word.key for word in words], np.ones(len(words), dtype=np.float32))


def _dot(asked: Mapping[str, float], found: Mapping[str, float]) -> float:
    return sum(weight * found.get(key, 0.0) for key, weight in asked.items())
