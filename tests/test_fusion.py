"""Merged rankings against the formula of RRF."""

import numpy as np
import pytest
from csplade.integration.fusion import fuse


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("weights", "constant"), [((1.0, 1.0), 60), ((1.0, 0.3), 60), ((2.0, 1.0), 1)])
def test_scores_are_sums_of_weighted_reciprocal_ranks(seed: int, weights: tuple[float, ...], constant: int) -> None:
    random = np.random.default_rng(seed)
    rankings = [[f"d{number}" for number in random.permutation(30)[:20]] for _ in weights]
    expected = dict.fromkeys({name for ranking in rankings for name in ranking}, 0.0)
    for ranking, weight in zip(rankings, weights, strict=True):
        for name, value in zip(ranking, weight / (constant + np.arange(1, 21)), strict=True):
            expected[name] += value
    fused = fuse(rankings, weights, constant)
    assert {one.id: one.score for one in fused} == pytest.approx(expected)
    assert [one.id for one in fused] == sorted(expected, key=lambda name: (-expected[name], name))
    for one in fused:
        assert sum(value for *_, value in one.parts) == pytest.approx(one.score)
        for number, rank, value in one.parts:
            assert rankings[number][rank - 1] == one.id
            assert value == pytest.approx(weights[number] / (constant + rank))


def test_equal_scores_are_in_the_order_of_ids_and_nothing_gives_nothing() -> None:
    assert [one.id for one in fuse([["b", "c"], ["a", "d"]], [1.0, 1.0], 60)] == ["a", "b", "c", "d"]
    assert fuse([], [], 60) == []
    assert fuse([[], []], [1.0, 1.0], 60) == []
