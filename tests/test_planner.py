"""What is sent of a query vector: the heaviest terms, within the budget."""

import pytest
from csplade.integration.planner import PlanOptions, plan
from csplade.pipelines.errors import EncoderError, UsageError
from csplade.pipelines.sparse import SparseVector

FOUR = SparseVector.from_pairs([("d", 1.0), ("a", 4.0), ("b", 3.0), ("c", 2.0)])


def test_everything_is_kept_within_the_budget() -> None:
    found = plan(FOUR, PlanOptions(max_clauses=4))
    assert (found.vector, found.dropped, found.share) == (FOUR, 0, 1.0)


@pytest.mark.parametrize(("clauses", "kept", "share"), [(3, "abc", 0.9), (2, "ab", 0.7), (1, "a", 0.4)])
def test_the_lightest_terms_go_first(clauses: int, kept: str, share: float) -> None:
    found = plan(FOUR, PlanOptions(max_clauses=clauses))
    assert list(found.vector.weights) == list(kept)
    assert found.dropped == 4 - clauses
    assert found.share == pytest.approx(share)


@pytest.mark.parametrize(("share", "kept"), [(0.01, "a"), (0.4, "a"), (0.41, "ab"), (0.9, "abc"), (0.91, "abcd")])
def test_a_share_of_the_mass_can_be_enough(share: float, kept: str) -> None:
    assert list(plan(FOUR, PlanOptions(share=share)).vector.weights) == list(kept)


def test_the_whole_mass_means_every_term_even_one_too_light_to_be_noticed_in_a_sum() -> None:
    vector = SparseVector.from_pairs([("heavy", 1e20), ("light", 1.0)])
    assert plan(vector, PlanOptions()).vector == vector


@pytest.mark.parametrize(
    ("clauses", "reserved", "limit", "kept"),
    [
        (10, 9, 1024, 10),
        (512, 512, 1024, 512),
        (512, 600, 1024, 424),
        (512, 2000, 1024, 1),
        (1024, 3, 1024, 1021),
        (1500, 3, 1024, 1021),
        (1500, 3, 6144, 1500),
        (512, 0, 100, 100),
        (1, 1024, 1024, 1),
    ],
)
def test_reserved_clauses_take_only_what_a_cluster_has_no_room_for(
    clauses: int, reserved: int, limit: int, kept: int
) -> None:
    many = SparseVector.from_pairs((f"t{number}", 1.0) for number in range(2000))
    found = plan(many, PlanOptions(max_clauses=clauses), reserved, limit)
    assert (len(found.vector), found.dropped) == (kept, 2000 - kept)
    assert found.share == pytest.approx(kept / 2000)


def test_weights_that_no_cluster_can_score_are_dropped_and_counted() -> None:
    vector = SparseVector({"endless": float("inf"), "good": 1.0, "tiny": 1e-44})
    found = plan(vector, PlanOptions())
    assert (found.vector.weights, found.dropped, found.share) == ({"good": 1.0}, 2, 1.0)


def test_nothing_stays_nothing() -> None:
    found = plan(SparseVector(), PlanOptions())
    assert (len(found.vector), found.dropped, found.share) == (0, 0, 1.0)


def test_a_key_with_a_dot_is_a_broken_encoder() -> None:
    with pytest.raises(EncoderError, match=r"'a\.b' has a dot"):
        plan(SparseVector({"a.b": 1.0}), PlanOptions())


@pytest.mark.parametrize(
    ("clauses", "share", "said"), [(0, 1.0, "0 clauses"), (1, 0.0, "0.0 is no share"), (1, 1.1, "1.1")]
)
def test_numbers_out_of_range_are_wrong_usage(clauses: int, share: float, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        PlanOptions(clauses, share)
