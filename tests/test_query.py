"""Questions become queries: the clauses of each mode, filters beside them; no server."""

import math
from dataclasses import replace

import pytest
from csplade.integration.clauses import sparse_clause
from csplade.integration.dialect import NEURAL_SEARCH, PLAIN, Dialect, dialect_for
from csplade.integration.planner import Anchor, FieldWeight, Fusion, PlanOptions
from csplade.integration.query import (
    Mode,
    QueryOptions,
    Question,
    Scales,
    parse_filter,
    planned,
)
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector
from csplade.tests.queries import build_query

BREAD = Question("fresh bread", SparseVector({"bread": 100.5, "▁a%2Eb": 0.25}))
NOTHING = Question("  ")
DIALECTS = [PLAIN, dialect_for("opensearch", "3.6.0", (NEURAL_SEARCH,)), dialect_for("elasticsearch", "9.2.0")]


def text_clause(weight: float) -> dict[str, object]:
    return {"match": {"text": {"query": "fresh bread", "boost": weight}}}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.clause)
def test_the_clauses_of_each_mode(dialect: Dialect) -> None:
    def clauses(mode: Mode) -> object:
        query = build_query(BREAD, QueryOptions(mode, bm25_weight=0.5, dialect=dialect))
        assert query is not None
        assert query["bool"].keys() == {"should", "minimum_should_match"}
        return query["bool"]["should"]

    terms = sparse_clause(BREAD.vector, dialect)
    assert clauses(Mode.SPARSE) == [terms]
    assert clauses(Mode.BM25) == [text_clause(1.0)]
    assert clauses(Mode.HYBRID) == [terms, text_clause(0.5)]


def test_a_hybrid_query_without_terms_is_bm25_and_without_bm25_is_sparse() -> None:
    assert build_query(Question("fresh bread"), QueryOptions(Mode.HYBRID)) == {
        "bool": {"should": [text_clause(1.0)], "minimum_should_match": 1}
    }
    assert build_query(BREAD, QueryOptions(Mode.HYBRID, bm25_weight=0)) == build_query(BREAD, QueryOptions(Mode.SPARSE))


@pytest.mark.parametrize("mode", list(Mode))
def test_filters_narrow_and_one_clause_must_match(mode: Mode) -> None:
    filters = ({"term": {"lang": "en"}}, {"range": {"year": {"gte": 2000}}})
    query = build_query(BREAD, QueryOptions(mode, filters))
    assert query is not None
    assert query["bool"]["filter"] == list(filters)
    assert query["bool"]["minimum_should_match"] == 1


@pytest.mark.parametrize("mode", list(Mode))
def test_a_question_that_holds_nothing_is_no_query_even_with_a_filter(mode: Mode) -> None:
    assert build_query(NOTHING, QueryOptions(mode, ({"match_all": {}},))) is None


def test_words_without_terms_are_no_sparse_query() -> None:
    assert build_query(Question("the"), QueryOptions(Mode.SPARSE)) is None


@pytest.mark.parametrize(
    ("limit", "words", "weight", "terms"),
    [
        *((1024, 3, 1.0, 1021), (1024, 600, 1.0, 424), (1024, 600, 0.5, 424), (1024, 600, 0.0, 1024)),
        *((2000, 600, 1.0, 1024), (1200, 600, 1.0, 600), (100, 3, 1.0, 97), (100, 3, 0.0, 100), (100, 200, 1.0, 1)),
    ],
)
def test_words_of_a_hybrid_query_and_its_terms_fit_into_a_cluster_together(
    limit: int, words: int, weight: float, terms: int
) -> None:
    vector = SparseVector.from_pairs((f"t{n}", n + 1.0) for n in range(2000))
    dialect = replace(PLAIN, max_clauses=limit)
    options = QueryOptions(Mode.HYBRID, (), weight, PlanOptions(max_clauses=1024), dialect)
    query = build_query(Question("word " * words, vector), options)
    assert query is not None
    sparse, *text = query["bool"]["should"]
    assert len(sparse["bool"]["should"]) == terms
    assert len(text) == (1 if weight else 0)


def test_words_take_no_room_where_they_are_not_asked_for() -> None:
    vector = SparseVector.from_pairs((f"t{n}", n + 1.0) for n in range(2000))
    question = Question("word " * 600, vector)
    options = PlanOptions(max_clauses=1024)
    sparse, bm25 = (planned(question, QueryOptions(mode, plan=options)) for mode in (Mode.SPARSE, Mode.BM25))
    assert (len(sparse.vector), sparse.dropped) == (1024, 976)
    assert (len(bm25.vector), bm25.dropped, bm25.share) == (0, 0, 1.0)


def test_clauses_of_a_filter_and_of_an_anchor_take_room_too() -> None:
    vector = SparseVector.from_pairs((f"t{n}", n + 1.0) for n in range(2000))
    clauses = ({"terms": {"lang": ["en", "de"]}}, {"bool": {"must_not": [{"term": {"a": 1}}, {"term": {"a": 2}}]}})
    question, all_of_it = Question("fresh bread", vector), PlanOptions(max_clauses=1024)
    filtered = planned(question, QueryOptions(filters=clauses, plan=all_of_it))
    assert len(filtered.vector) == 1024 - 3
    anchored = PlanOptions(
        max_clauses=1024, anchor=Anchor.TEXT, text_fields=(FieldWeight("title"), FieldWeight("text"))
    )
    assert len(planned(question, QueryOptions(plan=anchored)).vector) == 1024 - 4
    assert len(planned(question, QueryOptions(Mode.HYBRID, plan=anchored)).vector) == 1024 - 8


def test_an_anchored_query_is_found_by_its_words_or_its_filter_and_scored_by_its_terms() -> None:
    terms = sparse_clause(BREAD.vector, PLAIN)
    by_text = build_query(BREAD, QueryOptions(plan=PlanOptions(anchor=Anchor.TEXT)))
    assert by_text == {"bool": {"should": [terms], "minimum_should_match": 0, "filter": [text_clause(1.0)]}}
    only_english = {"term": {"lang": "en"}}
    by_filter = build_query(BREAD, QueryOptions(filters=(only_english,), plan=PlanOptions(anchor=Anchor.FILTER)))
    assert by_filter == {"bool": {"should": [terms], "minimum_should_match": 0, "filter": [only_english]}}
    with pytest.raises(UsageError, match="anchored in its filter needs one"):
        QueryOptions(plan=PlanOptions(anchor=Anchor.FILTER))
    # Terms of words that cannot be matched are no anchor.
    assert build_query(Question(" ", BREAD.vector), QueryOptions(plan=PlanOptions(anchor=Anchor.TEXT))) is None


def test_each_field_has_a_clause_with_its_weight() -> None:
    fields = (FieldWeight("title_terms", 2.0), FieldWeight("csplade_terms"))
    texts = (FieldWeight("title", 3.0), FieldWeight("text"))
    options = QueryOptions(Mode.HYBRID, bm25_weight=0.5, plan=PlanOptions(fields=fields, text_fields=texts))
    query = build_query(BREAD, options)
    assert query is not None
    assert query["bool"]["should"] == [
        sparse_clause(BREAD.vector, PLAIN, "title_terms", 2.0),
        sparse_clause(BREAD.vector, PLAIN),
        {"match": {"title": {"query": "fresh bread", "boost": 1.5}}},
        {"match": {"text": {"query": "fresh bread", "boost": 0.5}}},
    ]


def test_a_normalized_sum_divides_each_side_by_the_scale_of_the_index() -> None:
    plan = PlanOptions(fusion=Fusion.NORMALIZED)
    query = build_query(BREAD, QueryOptions(Mode.HYBRID, (), 3.0, plan, scales=Scales(8.0, 4.0)))
    assert query is not None
    assert query["bool"]["should"] == [sparse_clause(BREAD.vector, PLAIN, boost=0.125), text_clause(0.75)]
    with pytest.raises(UsageError, match=r"no scales of scores .* `csplade calibrate`"):
        build_query(BREAD, QueryOptions(Mode.HYBRID, plan=plan))
    # One side alone needs none.
    assert build_query(BREAD, QueryOptions(Mode.SPARSE, plan=plan)) == build_query(BREAD, QueryOptions(Mode.SPARSE))


def test_a_filter_is_a_clause_or_a_list_of_clauses() -> None:
    assert parse_filter('{"term": {"a": 1}}') == ({"term": {"a": 1}},)
    assert parse_filter('[{"term": {"a": 1}}, {"exists": {"field": "b"}}]') == (
        {"term": {"a": 1}},
        {"exists": {"field": "b"}},
    )
    assert parse_filter("[]") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1 column 1"),
        ('{"term": }', "line 1 column 10"),
        ('{"term":\n {"a" 1}}', "line 2 column 7"),
        ("3", "clause 1 of --filter is 3"),
        ("null", "clause 1 of --filter is null"),
        ("{}", "clause 1 of --filter is {}"),
        ('[{"term": {"a": 1}}, "b"]', 'clause 2 of --filter is "b"'),
        ('{"term": {}, "range": {}}', "clause 1 of --filter"),
    ],
)
def test_a_bad_filter_is_wrong_usage_with_its_place(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter(text)
    assert said in str(caught.value)


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_a_weight_that_is_no_number_from_0_on_is_wrong_usage(weight: float) -> None:
    with pytest.raises(UsageError, match="BM25 cannot have the weight"):
        QueryOptions(bm25_weight=weight)
