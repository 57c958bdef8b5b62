"""The sparse vector: its order, what it drops, its dot product."""

import dataclasses
import math

import numpy as np
import pytest
from csplade.pipelines.sparse import SparseVector
from hypothesis import given
from hypothesis import strategies as st

TERMS = [f"t{number}" for number in range(12)]

weights = st.floats(0.001, 100)
vectors = st.dictionaries(st.sampled_from(TERMS), weights).map(lambda found: SparseVector.from_pairs(found.items()))
pairs = st.lists(st.tuples(st.sampled_from(TERMS), st.floats(-10, 10) | st.sampled_from([math.nan, 0.0])))


def test_terms_come_heaviest_first_and_equal_ones_in_key_order() -> None:
    vector = SparseVector.from_pairs([("b", 1.0), ("c", 2.0), ("a", 1.0), ("d", 1.0)])
    assert list(vector) == [("c", 2.0), ("a", 1.0), ("b", 1.0), ("d", 1.0)]


def test_what_is_not_positive_is_dropped_and_a_term_given_twice_keeps_its_larger_weight() -> None:
    pairs = [("a", 1.0), ("b", 0.0), ("c", -3.0), ("d", math.nan), ("a", 2.0), ("a", 0.5), ("e", -1.0), ("e", 1.0)]
    assert SparseVector.from_pairs(pairs).weights == {"a": 2.0, "e": 1.0}


@given(pairs)
def test_the_order_of_the_pairs_does_not_matter(pairs: list[tuple[str, float]]) -> None:
    vector = SparseVector.from_pairs(pairs)
    assert repr(vector) == repr(SparseVector.from_pairs(reversed(pairs)))
    assert all(weight > 0 for _, weight in vector)
    assert [weight for _, weight in vector] == sorted(vector.weights.values(), reverse=True)


def test_weights_become_plain_numbers() -> None:
    ((_, weight),) = SparseVector.from_pairs([("a", np.float64(0.5))])
    assert type(weight) is float


@given(vectors, vectors)
def test_the_dot_product_is_that_of_the_dense_vectors(one: SparseVector, other: SparseVector) -> None:
    dense = [np.array([vector.weights.get(term, 0.0) for term in TERMS]) for vector in (one, other)]
    assert one.dot(other) == pytest.approx(float(dense[0] @ dense[1]))
    assert other.dot(one) == pytest.approx(one.dot(other))


def test_vectors_without_a_common_term_score_nothing() -> None:
    assert SparseVector({"a": 1.0}).dot(SparseVector({"b": 1.0})) == 0
    assert SparseVector().dot(SparseVector({"b": 1.0})) == 0


@given(vectors, st.integers(0, 20))
def test_the_heaviest_terms_are_the_first_ones(vector: SparseVector, count: int) -> None:
    kept = vector.heaviest(count)
    assert list(kept) == list(vector)[:count]
    assert len(kept) == min(count, len(vector))


def test_an_empty_vector_is_false_and_none_can_be_changed() -> None:
    assert not SparseVector()
    assert SparseVector({"a": 1.0})
    with pytest.raises(dataclasses.FrozenInstanceError):
        SparseVector().weights = {"a": 1.0}  # type: ignore[misc]
