"""Questions become queries: the clauses of each mode, filters beside them; no server."""

import math

import pytest
from csplade.integration.planner import PlanOptions
from csplade.integration.query import (
    Mode,
    QueryOptions,
    Question,
    build_query,
    hits_body,
    ids_body,
    parse_filter,
    planned,
)
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector

BREAD = Question("fresh bread", SparseVector({"bread": 100.5, "▁a%2Eb": 0.25}))
NOTHING = Question("  ")
TERM_CLAUSES = [
    {"rank_feature": {"field": "csplade_terms.bread", "linear": {}, "boost": 100.5}},
    {"rank_feature": {"field": "csplade_terms.▁a%2Eb", "linear": {}, "boost": 0.25}},
]


def text_clause(weight: float) -> dict[str, object]:
    return {"match": {"text": {"query": "fresh bread", "boost": weight}}}


def test_the_clauses_of_each_mode() -> None:
    def clauses(mode: Mode) -> object:
        query = build_query(BREAD, QueryOptions(mode, bm25_weight=0.5))
        assert query is not None
        assert query["bool"].keys() == {"should", "minimum_should_match"}
        return query["bool"]["should"]

    assert clauses(Mode.SPARSE) == TERM_CLAUSES
    assert clauses(Mode.BM25) == [text_clause(1.0)]
    assert clauses(Mode.HYBRID) == [*TERM_CLAUSES, text_clause(0.5)]


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
    ("words", "weight", "terms"), [(3, 1.0, 1021), (600, 1.0, 424), (600, 0.5, 424), (600, 0.0, 1024)]
)
def test_words_of_a_hybrid_query_and_its_terms_fit_into_a_cluster_together(
    words: int, weight: float, terms: int
) -> None:
    vector = SparseVector.from_pairs((f"t{n}", n + 1.0) for n in range(2000))
    options = QueryOptions(Mode.HYBRID, bm25_weight=weight, plan=PlanOptions(max_clauses=1024))
    query = build_query(Question("word " * words, vector), options)
    assert query is not None
    assert len(query["bool"]["should"]) == terms + (1 if weight else 0)


def test_words_take_no_room_where_they_are_not_asked_for() -> None:
    vector = SparseVector.from_pairs((f"t{n}", n + 1.0) for n in range(2000))
    question = Question("word " * 600, vector)
    options = PlanOptions(max_clauses=1024)
    sparse, bm25 = (planned(question, QueryOptions(mode, plan=options)) for mode in (Mode.SPARSE, Mode.BM25))
    assert (len(sparse.vector), sparse.dropped) == (1024, 976)
    assert (len(bm25.vector), bm25.dropped, bm25.share) == (0, 0, 1.0)


def test_bodies_never_ask_for_the_weights() -> None:
    assert hits_body({}, 5)["_source"] == ["title", "text"]
    assert hits_body({}, 5)["explain"] is False
    assert ids_body({}, 5)["_source"] is False


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
