"""The randomization test, against all signs there are and against Student's t."""

import itertools
import math

import numpy as np
import pytest
from csplade.pipelines.significance import randomization


def test_it_is_the_share_of_all_signs_whose_mean_is_as_far_from_0() -> None:
    first, second = [0.1, 0.4, 0.2, 0.5, 0.3, 0.3, 0.7, 0.2], [0.4, 0.5, 0.4, 0.4, 0.6, 0.3, 0.9, 0.3]
    differences = [b - a for a, b in zip(first, second, strict=True)]
    found = abs(sum(differences))
    signs = list(itertools.product((-1, 1), repeat=len(differences)))
    far = [abs(sum(s * d for s, d in zip(row, differences, strict=True))) >= found - 1e-9 for row in signs]
    assert randomization(first, second, rounds=40_000) == pytest.approx(sum(far) / len(signs), abs=0.005)
    assert randomization(second, first) == pytest.approx(randomization(first, second), abs=0.01)


def test_it_agrees_with_a_t_test_on_many_queries() -> None:
    chance = np.random.default_rng(3)
    first = chance.random(400)
    second = first + chance.normal(0.01, 0.2, 400)
    differences = second - first
    t = differences.mean() / (differences.std(ddof=1) / math.sqrt(400))
    normal = math.erfc(abs(t) / math.sqrt(2))
    assert 0.005 < normal < 0.5
    assert randomization(first.tolist(), second.tolist()) == pytest.approx(normal, abs=0.02)


def test_equal_rankings_differ_by_chance_alone_and_clear_ones_do_not() -> None:
    assert randomization([0.5, 0.2], [0.5, 0.2]) == 1.0
    assert randomization([0.0] * 50, [1.0] * 50) == pytest.approx(1 / 10_001)
