"""The literal path against BM25 as a textbook writes it, and the gates of words."""

import math

import numpy as np
import pytest
from csplade.pipelines.contract import Literal
from csplade.pipelines.literal import document_weights, frequencies, gates_of_words, query_weights
from csplade.pipelines.words import find_words

LITERAL = Literal(k1=1.2, b=0.75, average_words=5.0, default_idf=7.0, analysis="plain")
IDF = {"bread": 2.0, "salt": 3.0, "butter": 0.5}


def bm25(document: str, query: str) -> float:
    words, score = document.split(), 0.0
    for word in query.split():
        tf, idf = words.count(word), IDF.get(word, LITERAL.default_idf)
        if tf:
            norm = 1.2 * (1 - 0.75 + 0.75 * len(words) / 5.0)
            score += idf * tf * 2.2 / (tf + norm)
    return score


@pytest.mark.parametrize("document", ["bread salt bread", "butter", "salt salt salt rye bread butter oven knife"])
@pytest.mark.parametrize("query", ["bread", "salt butter rye", "rye rye bread"])
def test_with_all_gates_at_one_the_dot_product_is_bm25(document: str, query: str) -> None:
    sides = []
    for text in (document, query):
        keys = find_words(text, "plain").keys
        sides.append((frequencies(keys, np.ones(len(keys), dtype=np.float32)), len(keys)))
    (counted, length), (asked, _) = sides
    weights, wanted = document_weights(counted, length, IDF, LITERAL), query_weights(asked, IDF, LITERAL)
    score = sum(weight * weights.get(key, 0.0) for key, weight in wanted.items())
    assert score == pytest.approx(bm25(document, query), rel=1e-6)


def test_gates_count_occurrences() -> None:
    counted = frequencies(["bread", "salt", "bread"], np.array([0.5, 2.0, 0.25], dtype=np.float32))
    assert counted == {"bread": 0.75, "salt": 2.0}
    assert query_weights(counted, IDF, LITERAL)["bread"] == pytest.approx(0.75 * math.sqrt(2.0))


def test_a_word_has_the_gate_of_its_last_token() -> None:
    # "bread salty" as the tokens "", "br", "ead", " salt", "y".
    words, tokens = np.array([5, 11]), np.array([0, 2, 5, 10, 11])
    gates = np.array([9.0, 8.0, 1.5, 7.0, 0.5], dtype=np.float32)
    assert gates_of_words(words, tokens, gates).tolist() == [1.5, 0.5]


def test_words_behind_the_last_token_count_like_the_average_word_before_it() -> None:
    gates = gates_of_words(np.array([1, 3, 5, 7]), np.array([1, 3]), np.array([1.0, 3.0], dtype=np.float32))
    assert gates.tolist() == [1.0, 3.0, 2.0, 2.0]


def test_without_any_token_every_word_counts_once() -> None:
    empty = np.zeros(0, dtype=np.float32)
    assert gates_of_words(np.array([1]), np.zeros(0, dtype=np.int64), empty).tolist() == [1.0]
    assert gates_of_words(np.zeros(0, dtype=np.int64), np.array([3]), np.array([1.0], dtype=np.float32)).tolist() == []
