"""Plans on real servers of each line: what they find and score, against plain NumPy formulas."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from csplade.integration.calibrate import calibrate_scores, read_kept
from csplade.integration.dialect import Feature
from csplade.integration.documents import Document, bulk_lines
from csplade.integration.index import create_index, require_index
from csplade.integration.index_mapping import mapping_of
from csplade.integration.planner import Anchor, FieldWeight, Fusion, Phases, PlanOptions, Total
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.search import Hit, Page, search, search_many, search_page
from csplade.integration.templates import WEIGHTS_FIELD, IndexOptions
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.word_encoder import WordEncoder, word_contract

pytestmark = pytest.mark.cluster

WORDS = ["bread", "salt", "butter", "knife", "oven", "flour", "yeast", "crust", "loaf", "slice"]
DOCUMENTS = 60
CUT = 2.0**-8
# 32-bit sums, and boosts that are no powers of two.
ROUNDING = 1e-5
SIZE = DOCUMENTS
Mask = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.bool_]]
ENGLISH = {"term": {"lang": "en"}}


@dataclass(frozen=True)
class Bakery:
    """A line whose index holds documents of few words, with weights that have nothing to do with the words."""

    line: ClusterLine
    weights: npt.NDArray[np.float64]  # (DOCUMENTS, WORDS)
    titles: npt.NDArray[np.float64]
    """Weights of the titles' own field."""
    texts: list[str]
    options: QueryOptions

    def dots(self, query: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return self.weights @ query  # (DOCUMENTS,)

    def ask(self, question: Question, options: QueryOptions, size: int = SIZE, explain: bool = False) -> list[Hit]:
        asked = replace(options, dialect=self.options.dialect, scales=self.options.scales)
        return list(search(self.line.client, self.line.index, question, asked, size, explain))

    def page(self, question: Question, options: QueryOptions) -> Page:
        asked = replace(options, dialect=self.options.dialect)
        return search_page(self.line.client, self.line.index, question, asked, 5)


def make(line: ClusterLine) -> Bakery:
    random = np.random.default_rng(11)
    shape = (DOCUMENTS, len(WORDS))
    weights, titles = (random.lognormal(0.0, 1.0, size=shape) * (random.random(shape) < share) for share in (0.5, 0.2))
    texts = [" ".join(random.choice(WORDS, size=random.integers(1, 8))) for _ in range(DOCUMENTS)]
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer))
    field_type = line.dialect.field_type
    line.client.indices.put_mapping(index=line.index, body={"properties": {"title_terms": {"type": field_type}}})
    lines = b""
    for number, text in enumerate(texts):
        extra: dict[str, Any] = {"lang": "en" if number % 3 else "de"}
        if vector_of(titles[number]):
            extra["title_terms"] = dict(vector_of(titles[number]).weights)
        lines += bulk_lines(Document(str(number), text, text[:5], extra), vector_of(weights[number]))
    answer = line.client.bulk(body=lines, index=line.index, params={"refresh": "true"})
    assert not answer["errors"], answer
    dialect = require_index(line.client, line.index, word_contract())
    return Bakery(line, weights, titles, texts, QueryOptions(dialect=dialect))


@pytest.fixture(scope="module")
def kept() -> Iterator[dict[str, Bakery]]:
    bakeries: dict[str, Bakery] = {}
    yield bakeries
    for bakery in bakeries.values():
        bakery.line.client.indices.delete(index=bakery.line.index)


@pytest.fixture
def bakery(line: ClusterLine, kept: dict[str, Bakery]) -> Bakery:
    if line.name not in kept:
        kept[line.name] = make(replace(line, index=f"{line.index}-kept"))
    return kept[line.name]


def vector_of(row: npt.NDArray[np.float64]) -> SparseVector:
    return SparseVector.from_pairs(zip(WORDS, map(float, row), strict=True))


def question(seed: int) -> tuple[Question, npt.NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    query = random.lognormal(0.0, 1.0, size=len(WORDS))
    return Question(" ".join(random.choice(WORDS, size=2, replace=False)), vector_of(query)), query


def scores(hits: list[Hit]) -> dict[str, float]:
    return {hit.id: hit.score for hit in hits}


def check(found: dict[str, float], expected: npt.NDArray[np.float64]) -> None:
    """Check the scores, and that exactly the documents with one are found."""
    assert found.keys() == {str(number) for number in np.flatnonzero(expected)}
    for name, score in found.items():
        assert score == pytest.approx(expected[int(name)], rel=CUT + ROUNDING)


@pytest.mark.parametrize(
    ("plan", "mask"),
    [
        (PlanOptions(max_clauses=3), lambda query: query >= np.sort(query)[-3]),
        (PlanOptions(ratio=0.5), lambda query: query >= 0.5 * query.max()),
        (
            PlanOptions(share=0.7),
            lambda query: (
                query >= np.sort(query)[::-1][np.argmax(np.cumsum(np.sort(query)[::-1]) >= 0.7 * query.sum())]
            ),
        ),
    ],
    ids=["count", "ratio", "share"],
)
def test_a_pruned_query_scores_what_the_formula_keeps(bakery: Bakery, plan: PlanOptions, mask: Mask) -> None:
    asked, query = question(1)
    kept = np.where(mask(query), query, 0.0)
    assert 0 < np.count_nonzero(kept) < len(WORDS)
    check(scores(bakery.ask(asked, QueryOptions(plan=plan))), bakery.dots(kept))


@pytest.mark.parametrize("explain", [False, True])
def test_two_phases_find_by_heavy_terms_and_score_by_all(bakery: Bakery, explain: bool) -> None:
    asked, query = question(2)
    heavy = np.where(query >= 0.6 * query.max(), query, 0.0)
    assert 0 < np.count_nonzero(heavy) < len(WORDS)
    plan = PlanOptions(phases=Phases.TWO, heavy=0.6)
    hits = bakery.ask(asked, QueryOptions(plan=plan), explain=explain)
    check(scores(hits), np.where(bakery.dots(heavy) > 0, bakery.dots(query), 0.0))
    for hit in hits if explain else ():
        parts = hit.contributions or ()
        assert sum(part.value for part in parts) == pytest.approx(hit.score, rel=ROUNDING)
        assert {part.origin for part in parts} == {"sparse"}


def test_a_window_that_is_small_scores_only_the_best_again(bakery: Bakery) -> None:
    asked, query = question(2)
    heavy = np.where(query >= 0.6 * query.max(), query, 0.0)
    plan = PlanOptions(phases=Phases.TWO, heavy=0.6, expansion=1.0)
    found = scores(bakery.ask(asked, QueryOptions(plan=plan), size=5))
    # One shard: the window is those five.
    best = np.argsort(-bakery.dots(heavy))[:5]
    assert found == pytest.approx({str(n): bakery.dots(query)[n] for n in best}, rel=CUT + ROUNDING)


def test_two_phases_of_a_hybrid_query_keep_the_words_in_the_first(bakery: Bakery) -> None:
    asked, _ = question(2)
    one = scores(bakery.ask(asked, QueryOptions(Mode.HYBRID, plan=PlanOptions(phases=Phases.ONE))))
    two = scores(bakery.ask(asked, QueryOptions(Mode.HYBRID, plan=PlanOptions(phases=Phases.TWO, heavy=0.6))))
    assert two.keys() <= one.keys()
    for name, score in two.items():
        assert score == pytest.approx(one[name], rel=ROUNDING)


def test_an_anchor_in_the_words_lets_terms_only_score(bakery: Bakery) -> None:
    asked, query = question(3)
    words = set(asked.text.split())
    found = scores(bakery.ask(asked, QueryOptions(plan=PlanOptions(anchor=Anchor.TEXT))))
    expected = {str(n): bakery.dots(query)[n] for n, text in enumerate(bakery.texts) if words & set(text.split())}
    assert 0 < len(expected) < DOCUMENTS
    assert found == pytest.approx(expected, rel=CUT + ROUNDING)


def test_an_anchor_in_the_filter_lets_terms_only_score(bakery: Bakery) -> None:
    asked, query = question(3)
    few = PlanOptions(max_clauses=1, anchor=Anchor.FILTER)
    kept = np.where(query == query.max(), query, 0.0)
    found = scores(bakery.ask(asked, QueryOptions(filters=(ENGLISH,), plan=few)))
    expected = {str(n): bakery.dots(kept)[n] for n in range(DOCUMENTS) if n % 3}
    assert 0.0 in expected.values()
    assert found == pytest.approx(expected, rel=CUT + ROUNDING)


def test_fields_have_weights(bakery: Bakery) -> None:
    asked, query = question(4)
    fields = (FieldWeight(WEIGHTS_FIELD), FieldWeight("title_terms", 2.5))
    plan = PlanOptions(phases=Phases.ONE, fields=fields)
    hits = bakery.ask(asked, QueryOptions(plan=plan), explain=True)
    check(scores(hits), bakery.dots(query) + 2.5 * (bakery.titles @ query))
    named = {part.term.partition(":")[0] for hit in hits for part in hit.contributions or ()}
    assert "title_terms" in named


def test_text_fields_have_weights(bakery: Bakery) -> None:
    asked = Question("bread oven")

    def found(*fields: FieldWeight) -> dict[str, float]:
        return scores(bakery.ask(asked, QueryOptions(Mode.BM25, plan=PlanOptions(text_fields=fields))))

    text, title = found(FieldWeight("text")), found(FieldWeight("title"))
    both = found(FieldWeight("text"), FieldWeight("title", 3.0))
    assert text
    assert title
    assert both == pytest.approx(
        {name: text.get(name, 0.0) + 3.0 * title.get(name, 0.0) for name in text.keys() | title.keys()}, rel=ROUNDING
    )


def by_score(found: dict[str, float]) -> list[str]:
    return sorted(found, key=lambda name: -found[name])


@pytest.mark.parametrize("weight", [1.0, 0.4])
def test_rrf_is_the_formula_of_the_two_rankings(bakery: Bakery, weight: float) -> None:
    asked, _ = question(5)
    sides = [(Mode.SPARSE, 1.0), (Mode.BM25, weight)]
    expected: dict[str, float] = {}
    for mode, factor in sides:
        found = scores(bakery.ask(asked, QueryOptions(mode)))
        for rank, name in enumerate(sorted(found, key=lambda name: (-found[name], name)), 1):
            expected[name] = expected.get(name, 0.0) + factor / (20 + rank)
    options = QueryOptions(Mode.HYBRID, (), weight, PlanOptions(fusion=Fusion.RRF, rank_constant=20))
    hits = bakery.ask(asked, options, explain=True)
    assert scores(hits) == pytest.approx(expected)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert all(hit.snippet for hit in hits)
    for hit in hits:
        assert sum(part.value for part in hit.contributions or ()) == pytest.approx(hit.score)
    ready = replace(options, dialect=bakery.options.dialect)
    (many, none) = search_many(bakery.line.client, bakery.line.index, [asked, Question(" ")], ready, 7)
    assert [(one.id, one.score) for one in many] == [(hit.id, hit.score) for hit in hits[:7]]
    assert none == ()


def test_a_normalized_sum_is_the_formula_with_the_scales_of_the_index(line: ClusterLine) -> None:
    asked, _ = question(6)
    bakery = make(line)
    assert read_kept(line.client, line.index).scales is None
    with pytest.raises(UsageError, match="holds no scales"):
        bakery.ask(asked, QueryOptions(Mode.HYBRID, plan=PlanOptions(fusion=Fusion.NORMALIZED)))
    before = mapping_of(line.client, line.index)[1]["_meta"]["csplade"]
    scales = calibrate_scores(line.client, line.index, WordEncoder(), bakery.options.dialect)
    assert read_kept(line.client, line.index).scales == scales
    after = mapping_of(line.client, line.index)[1]["_meta"]["csplade"]
    assert {name: after[name] for name in before} == before
    assert scales == calibrate_scores(line.client, line.index, WordEncoder(), bakery.options.dialect)
    sparse, bm25 = (scores(bakery.ask(asked, QueryOptions(mode))) for mode in (Mode.SPARSE, Mode.BM25))
    options = QueryOptions(Mode.HYBRID, (), 0.7, PlanOptions(fusion=Fusion.NORMALIZED))
    found = scores(replace(bakery, options=replace(bakery.options, scales=scales)).ask(asked, options))
    expected = {
        name: sparse.get(name, 0.0) / scales.sparse + 0.7 * bm25.get(name, 0.0) / scales.bm25
        for name in sparse.keys() | bm25.keys()
    }
    assert found == pytest.approx(expected, rel=ROUNDING)


def test_the_clusters_own_hybrid_query_is_its_formula_where_there_is_one(bakery: Bakery) -> None:
    asked, _ = question(7)
    options = QueryOptions(Mode.HYBRID, (ENGLISH,), 3.0, PlanOptions(fusion=Fusion.SERVER))
    if Feature.HYBRID_QUERY not in bakery.options.dialect.features:
        with pytest.raises(UsageError, match=r"has no hybrid queries.* plugin opensearch-neural-search"):
            bakery.ask(asked, options)
        return
    with pytest.raises(UsageError, match="explain with another fusion"):
        bakery.ask(asked, options, explain=True)
    expected: dict[str, float] = {}
    for mode, share in ((Mode.SPARSE, 0.25), (Mode.BM25, 0.75)):
        side = scores(bakery.ask(asked, QueryOptions(mode, (ENGLISH,))))
        low, high = min(side.values()), max(side.values())
        for name, score in side.items():
            # The processor gives the lowest a thousandth.
            expected[name] = expected.get(name, 0.0) + share * max((score - low) / (high - low), 0.001)
    found = scores(bakery.ask(asked, options))
    assert found == pytest.approx(expected, abs=1e-4)
    ready = replace(options, dialect=bakery.options.dialect)
    ((first, *_),) = search_many(bakery.line.client, bakery.line.index, [asked], ready, 3)
    assert first.id == by_score(found)[0]
    assert first.score == pytest.approx(max(found.values()))
    # What is asked for decides how many are shown, not what they score.
    assert len(bakery.ask(asked, options, size=3)) == 3


def test_what_matches_is_counted_as_far_as_asked(bakery: Bakery) -> None:
    asked, query = question(8)
    matching = int(np.count_nonzero(bakery.dots(query)))
    one = PlanOptions(phases=Phases.ONE)
    pages = {total: bakery.page(asked, QueryOptions(plan=replace(one, total=total))) for total in Total}
    assert all(len(page.hits) == 5 for page in pages.values())
    assert pages[Total.NONE].total is None
    assert (pages[Total.USUAL].total, pages[Total.USUAL].exact) == (matching, True)
    assert (pages[Total.EXACT].total, pages[Total.EXACT].exact) == (matching, True)
    assert bakery.page(Question(" "), QueryOptions(plan=PlanOptions(total=Total.EXACT))).total == 0
    # Of two phases the first counts.
    heavy = np.where(query >= 0.6 * query.max(), query, 0.0)
    two = PlanOptions(phases=Phases.TWO, heavy=0.6, total=Total.EXACT)
    assert bakery.page(asked, QueryOptions(plan=two)).total == int(np.count_nonzero(bakery.dots(heavy)))
