"""A vector as one clause of each dialect; no server."""

import math
from dataclasses import replace

import pytest
from csplade.integration.clauses import sparse_clause
from csplade.integration.dialect import NEURAL_SEARCH, PLAIN, Dialect, dialect_for
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.sparse import SparseVector

NEURAL = dialect_for("opensearch", "3.6.0", (NEURAL_SEARCH,))
ELASTIC = dialect_for("elasticsearch", "9.2.0")
DIALECTS = [PLAIN, NEURAL, ELASTIC]
BREAD = SparseVector({"bread": 100.5, "▁a%2Eb": 0.25})


def test_rank_features_are_asked_term_by_term_and_always_linearly() -> None:
    assert sparse_clause(BREAD, PLAIN) == {
        "bool": {
            "should": [
                {"rank_feature": {"field": "csplade_terms.bread", "linear": {}, "boost": 100.5}},
                {"rank_feature": {"field": "csplade_terms.▁a%2Eb", "linear": {}, "boost": 0.25}},
            ]
        }
    }


def test_neural_search_takes_tokens_of_at_most_64() -> None:
    small = SparseVector({"bread": 64.0, "salt": 0.5})
    assert sparse_clause(small, NEURAL) == {"neural_sparse": {"csplade_terms": {"query_tokens": small.weights}}}
    assert sparse_clause(BREAD, NEURAL) == {
        "neural_sparse": {"csplade_terms": {"query_tokens": {"bread": 50.25, "▁a%2Eb": 0.125}, "boost": 2.0}}
    }


@pytest.mark.parametrize("heaviest", [64.0, 64.1, 127.9, 128.0, 129.0, 1e6, 1e30])
def test_scaled_tokens_times_the_boost_are_the_weights_to_the_last_digit(heaviest: float) -> None:
    vector = SparseVector({"a": heaviest, "b": 0.3})
    inner = sparse_clause(vector, NEURAL, boost=4.0)["neural_sparse"]["csplade_terms"]
    factor = inner["boost"] / 4.0
    assert {term: weight * factor for term, weight in inner["query_tokens"].items()} == vector.weights
    assert max(inner["query_tokens"].values()) <= 64


def test_what_vanishes_beside_a_giant_is_left_out() -> None:
    vector = SparseVector({"a": 1e38, "b": 2.0**-126})
    assert list(sparse_clause(vector, NEURAL)["neural_sparse"]["csplade_terms"]["query_tokens"]) == ["a"]


def test_elasticsearch_is_told_not_to_prune() -> None:
    assert sparse_clause(BREAD, ELASTIC) == {
        "sparse_vector": {"field": "csplade_terms", "query_vector": BREAD.weights, "prune": False}
    }


def test_a_field_and_a_boost_may_be_named() -> None:
    one = SparseVector({"a": 1.0})
    assert sparse_clause(one, PLAIN, "title_terms", 3.0) == {
        "bool": {"should": [{"rank_feature": {"field": "title_terms.a", "linear": {}, "boost": 1.0}}], "boost": 3.0}
    }
    assert sparse_clause(one, NEURAL, "title_terms", 3.0) == {
        "neural_sparse": {"title_terms": {"query_tokens": {"a": 1.0}, "boost": 3.0}}
    }
    assert sparse_clause(one, ELASTIC, "title_terms", 3.0) == {
        "sparse_vector": {"field": "title_terms", "query_vector": {"a": 1.0}, "prune": False, "boost": 3.0}
    }


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.clause)
def test_nothing_finds_nothing_and_only_usable_weights_are_sent(dialect: Dialect) -> None:
    assert sparse_clause(SparseVector(), dialect) == {"match_none": {}}
    assert sparse_clause(SparseVector({"a": math.inf, "b": 1e-44}), dialect) == {"match_none": {}}
    some = SparseVector({"a": math.inf, "b": 2.0})
    assert sparse_clause(some, dialect) == sparse_clause(SparseVector({"b": 2.0}), dialect)
    with pytest.raises(EncoderError, match=r"'a\.b' has a dot"):
        sparse_clause(SparseVector({"a.b": 1.0}), dialect)


def test_the_limit_of_a_cluster_changes_no_clause() -> None:
    assert sparse_clause(BREAD, replace(PLAIN, max_clauses=1)) == sparse_clause(BREAD, PLAIN)
