"""Vectors to a real cluster of each line and back: every score is the dot product, whatever the term keys look like.

All lines keep 9 significant bits of a weight and cuts the rest off: a stored weight is at most 1/256 too small.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from csplade.integration.documents import Document, bulk_lines
from csplade.integration.index import create_index, require_index
from csplade.integration.planner import Phases, PlanOptions
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.search import Scored, search_many
from csplade.integration.templates import IndexOptions
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.vocab import encode_key
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.word_encoder import word_contract

pytestmark = pytest.mark.cluster

DOCUMENTS, QUERIES = 200, 20
ONE_PHASE = PlanOptions(phases=Phases.ONE)
CUT = 2.0**-8
# 32-bit sums of at most some hundred parts.
ROUNDING = 1e-5

WORDS = ["bread", "salt", "butter", "knife", "oven", "flour", "yeast", "crust", "loaf", "slice"]
OTHER_SCRIPTS = ["Brötchen", "пекарня", "麵包", "パン", "خبز", "לחם", "पाव", "é", "e\u0301", "𝒳", "🥖", "ß", "ﬁ"]
PUNCTUATION = [*".,:;!?*#@$&^~|<>()[]{}/\\\"'`+=-_%", "...", "a.b", "a.b.c", ".a", "a.", "*a*", "csplade_terms.x"]
LIKE_KEYS = ["%2E", "%%", "%20a"]
INVISIBLE = ["", " ", "  ", "\t", "\n", "\r\n", "\u3000", "\u200b", "\ufeff", "▁", " ▁", "\u2028", "\x00", "\x7f"]
BROKEN = [b"\xff", b"\xc3", b"\xe2\x96", b"\xed\xa0\x80", b" \x80", b"\xf0\x9f"]


def all_keys() -> list[str]:
    """Return keys like those of a vocabulary, each with and without a leading space; plus many ordinary ones."""
    texts = [*WORDS, *OTHER_SCRIPTS, *PUNCTUATION, *LIKE_KEYS, *INVISIBLE, *(f"word{number}" for number in range(150))]
    pieces = {space + piece for piece in (*map(str.encode, texts), *BROKEN) for space in (b"", b" ")}
    keys = sorted({encode_key(piece) for piece in pieces})
    assert len(keys) == len(pieces)
    return keys


@dataclass(frozen=True)
class Weights:
    """Dense weights of documents and queries, a column for each key; 0 where a text has not the term."""

    keys: list[str]
    documents: npt.NDArray[np.float64]  # (DOCUMENTS, keys)
    queries: npt.NDArray[np.float64]  # (QUERIES, keys)

    def vectors(self, rows: npt.NDArray[np.float64]) -> list[SparseVector]:
        return [SparseVector.from_pairs(zip(self.keys, map(float, row), strict=True)) for row in rows]


def random_weights(seed: int) -> Weights:
    """Draw as many terms as real texts have; their weights span several orders of magnitude."""
    random = np.random.default_rng(seed)
    keys = all_keys()

    def rows(count: int, terms: int) -> npt.NDArray[np.float64]:
        weights = np.zeros((count, len(keys)))
        for row in weights:
            chosen = random.choice(len(keys), size=random.integers(1, terms + 1), replace=False)
            row[chosen] = random.lognormal(mean=0.0, sigma=1.5, size=len(chosen))
        return weights

    return Weights(keys, rows(DOCUMENTS, 120), rows(QUERIES, 30))


def store(line: ClusterLine, vectors: Sequence[SparseVector], texts: Sequence[str] = ()) -> None:
    """Index the vectors under their places in the list."""
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer, shards=2))
    documents = [Document(str(place), text) for place, text in enumerate(texts or [""] * len(vectors))]
    lines = b"".join(map(bulk_lines, documents, vectors))
    answer = line.client.bulk(body=lines, index=line.index, params={"refresh": "true"})
    assert not answer["errors"], answer


def ask(line: ClusterLine, questions: Sequence[Question], options: QueryOptions, size: int) -> list[tuple[Scored, ...]]:
    dialect = require_index(line.client, line.index, word_contract())
    assert dialect == line.dialect
    return list(search_many(line.client, line.index, questions, replace(options, dialect=dialect), size))


def some_texts(seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, size=random.integers(1, 12))) for _ in range(DOCUMENTS)]


def test_every_score_is_the_dot_product_and_what_shares_no_term_is_not_found(line: ClusterLine) -> None:
    weights = random_weights(seed=1)
    documents = weights.vectors(weights.documents)
    store(line, documents)

    questions = [Question("", vector) for vector in weights.vectors(weights.queries)]
    found = ask(line, questions, QueryOptions(plan=ONE_PHASE), DOCUMENTS)

    dots = weights.queries @ weights.documents.T  # (QUERIES, DOCUMENTS)
    ours = [[question.vector.dot(document) for document in documents] for question in questions]
    np.testing.assert_allclose(ours, dots, rtol=1e-12)
    scores = np.zeros_like(dots)
    for query, hits in enumerate(found):
        assert len({hit.id for hit in hits}) == len(hits)
        for hit in hits:
            scores[query, int(hit.id)] = hit.score
    assert (np.count_nonzero(dots), dots.size) == (np.count_nonzero(scores), DOCUMENTS * QUERIES)
    assert 0 < np.count_nonzero(dots == 0) < dots.size  # Some pairs share no term, or there was nothing to see.
    np.testing.assert_array_equal(scores > 0, dots > 0)
    assert np.all(scores <= dots * (1 + ROUNDING))
    assert np.all(scores >= dots * (1 - CUT - ROUNDING))
    for query, hits in enumerate(found):
        assert [hit.score for hit in hits] == sorted(scores[query][scores[query] > 0], reverse=True)


def test_every_key_is_found_alone_with_its_weight_and_only_in_its_document(line: ClusterLine) -> None:
    keys = all_keys()
    store(line, [SparseVector({key: 1.0 + number}) for number, key in enumerate(keys)])
    questions = [Question("", SparseVector({key: 0.5})) for key in keys]
    found = ask(line, questions, QueryOptions(), 10)
    for number, (key, hits) in enumerate(zip(keys, found, strict=True)):
        assert [hit.id for hit in hits] == [str(number)], key
        assert hits[0].score == pytest.approx(0.5 * (1 + number), rel=CUT)


def test_weights_of_every_size_are_scored(line: ClusterLine) -> None:
    sizes = [2.0**-126, 1e-30, 1e-6, 0.001, 1.0, 64.0, 65.0, 1000.0, 1e6, 1e30]
    store(line, [SparseVector({"a": size}) for size in sizes])
    questions = [Question("", SparseVector({"a": size})) for size in sizes]
    found = ask(line, questions, QueryOptions(), len(sizes))
    scores = {(query, sizes[int(hit.id)]): hit.score for query, hits in zip(sizes, found, strict=True) for hit in hits}
    for query, document in product(sizes, sizes):
        if 1e-37 < query * document < 1e38:  # What a 32-bit score can hold.
            assert scores[query, document] == pytest.approx(query * document, rel=CUT)


def test_a_pruned_query_scores_its_heaviest_terms(line: ClusterLine) -> None:
    weights = random_weights(seed=2)
    store(line, weights.vectors(weights.documents))
    questions = [Question("", vector) for vector in weights.vectors(weights.queries)]
    found = ask(line, questions, QueryOptions(plan=replace(ONE_PHASE, max_clauses=3)), DOCUMENTS)
    for row, hits in zip(weights.queries, found, strict=True):
        kept = np.where(row >= np.sort(row)[-3], row, 0.0)
        dots = weights.documents @ kept
        assert {hit.id for hit in hits} == {str(number) for number in np.flatnonzero(dots)}
        for hit in hits:
            assert hit.score == pytest.approx(dots[int(hit.id)], rel=CUT + ROUNDING)


@pytest.mark.parametrize("bm25_weight", [1.0, 0.25, 0.0])
def test_a_hybrid_score_is_the_sparse_one_and_weighted_bm25(line: ClusterLine, bm25_weight: float) -> None:
    weights = random_weights(seed=3)
    store(line, weights.vectors(weights.documents), some_texts(seed=3))
    random = np.random.default_rng(4)
    asked = [" ".join(random.choice(WORDS, size=3)) for _ in range(QUERIES)]
    questions = list(map(Question, asked, weights.vectors(weights.queries)))

    def scores(mode: Mode) -> list[dict[str, float]]:
        options = QueryOptions(mode, bm25_weight=bm25_weight, plan=ONE_PHASE)
        found = ask(line, questions, options, DOCUMENTS)
        return [{hit.id: hit.score for hit in hits} for hits in found]

    sparse, bm25, hybrid = scores(Mode.SPARSE), scores(Mode.BM25), scores(Mode.HYBRID)
    dots = weights.queries @ weights.documents.T
    only_bm25 = only_sparse = 0
    for query in range(QUERIES):
        text = bm25[query] if bm25_weight else {}
        assert hybrid[query].keys() == sparse[query].keys() | text.keys()
        only_bm25 += len(text.keys() - sparse[query].keys())
        only_sparse += len(sparse[query].keys() - text.keys())
        for identity, score in hybrid[query].items():
            assert score == pytest.approx(
                sparse[query].get(identity, 0.0) + bm25_weight * text.get(identity, 0.0), rel=ROUNDING
            )
            exact = dots[query, int(identity)] + bm25_weight * text.get(identity, 0.0)
            assert score == pytest.approx(exact, rel=CUT + ROUNDING)
    assert only_sparse > 0
    assert (only_bm25 > 0) == (bm25_weight > 0)
