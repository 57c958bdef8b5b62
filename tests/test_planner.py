"""What is sent of a query vector: the heaviest terms, within the budget."""

from collections.abc import Callable

import numpy as np
import pytest
from csplade.integration.planner import (
    Anchor,
    FieldWeight,
    Fusion,
    Phases,
    PlanOptions,
    Total,
    heavy_and_light,
    plan,
)
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


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("count", "share", "ratio"), [(30, 1.0, 0.0), (200, 0.8, 0.0), (200, 1.0, 0.25), (15, 0.7, 0.1), (200, 0.99, 0.9)]
)
def test_what_is_kept_is_what_plain_formulas_keep(seed: int, count: int, share: float, ratio: float) -> None:
    weights = np.sort(np.random.default_rng(seed).lognormal(0.0, 1.0, size=100))[::-1]
    vector = SparseVector.from_pairs((f"t{number:03}", float(weight)) for number, weight in enumerate(weights))
    by_mass = 100 if share == 1 else int(np.argmax(np.cumsum(weights) / weights.sum() >= share)) + 1
    by_ratio = int((weights >= ratio * weights.max()).sum())
    kept = min(count, by_mass, by_ratio)
    found = plan(vector, PlanOptions(count, share, ratio))
    assert list(found.vector.weights.values()) == weights[:kept].tolist()
    assert found.dropped == 100 - kept
    assert found.share == pytest.approx(weights[:kept].sum() / weights.sum())


def test_each_field_costs_a_clause_a_term() -> None:
    many = SparseVector.from_pairs((f"t{number}", 1.0) for number in range(2000))
    fields = (FieldWeight("a"), FieldWeight("b", 2.0), FieldWeight("c"))
    assert len(plan(many, PlanOptions(max_clauses=512, fields=fields)).vector) == 512 // 3
    assert len(plan(many, PlanOptions(max_clauses=512, fields=fields), reserved=1000).vector) == 24 // 3
    assert len(plan(many, PlanOptions(max_clauses=1, fields=fields)).vector) == 1


@pytest.mark.parametrize(("heavy", "kept"), [(1.0, "a"), (0.75, "ab"), (0.7, "ab"), (0.5, "abc"), (0.01, "abcd")])
def test_two_phases_part_the_terms_by_the_heaviest(heavy: float, kept: str) -> None:
    first, second = heavy_and_light(FOUR, heavy)
    assert list(first.weights) == list(kept)
    assert list(second.weights) == [term for term in "abcd" if term not in kept]
    assert {**first.weights, **second.weights} == FOUR.weights


def test_nothing_has_neither_heavy_nor_light_terms() -> None:
    assert heavy_and_light(SparseVector(), 0.5) == (SparseVector(), SparseVector())


@pytest.mark.parametrize("passages", [False, True])
@pytest.mark.parametrize("size", [10, 20, 21])
def test_the_first_hits_come_in_two_phases_unless_that_would_score_something_else(size: int, passages: bool) -> None:
    assert PlanOptions().two_phases(size, passages) is (size <= 20 and not passages)
    assert PlanOptions(fusion=Fusion.SERVER).two_phases(size, passages) is False
    for phases in (Phases.ONE, Phases.TWO):
        assert PlanOptions(phases=phases).two_phases(size, passages) is (phases is Phases.TWO)


def test_the_second_phase_looks_at_some_times_the_hits_and_no_more_than_a_cluster_allows() -> None:
    options = PlanOptions(phases=Phases.TWO, expansion=2.5)
    assert [options.window(size) for size in (0, 1, 10, 3999, 4001, 10_000)] == [1, 3, 25, 9998, 10_000, 10_000]


@pytest.mark.parametrize(
    ("clauses", "share", "said"), [(0, 1.0, "0 clauses"), (1, 0.0, "0.0 is no share"), (1, 1.1, "1.1")]
)
def test_numbers_out_of_range_are_wrong_usage(clauses: int, share: float, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        PlanOptions(clauses, share)


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: PlanOptions(ratio=1.5), r"1\.5 is no part of the heaviest"),
    (lambda: PlanOptions(ratio=-0.5), "no part of the heaviest"),
    (lambda: PlanOptions(heavy=0.0), "more than 0, at most 1"),
    (lambda: PlanOptions(expansion=0.5), r"0\.5 times the hits"),
    (lambda: PlanOptions(expansion=float("nan")), "nan times the hits"),
    (lambda: PlanOptions(rank_constant=0), "counted below 1"),
    (lambda: PlanOptions(fields=()), "no field to ask"),
    (lambda: PlanOptions(fusion=Fusion.SERVER, phases=Phases.TWO), "knows no second phase"),
    (lambda: PlanOptions(fusion=Fusion.RRF, total=Total.EXACT), "have no common total"),
    (lambda: FieldWeight("title", 0.0), "'title' with the weight 0.0 is no field"),
    (lambda: FieldWeight(""), "is no field to score"),
]


@pytest.mark.parametrize(("make", "said"), WRONG)
def test_choices_out_of_range_or_against_each_other_are_wrong_usage(make: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()


def test_choices_that_go_together_are_taken() -> None:
    PlanOptions(anchor=Anchor.TEXT, fusion=Fusion.RRF, phases=Phases.TWO)
