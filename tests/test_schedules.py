"""Schedules at their ends and corners."""

import math

import pytest
from csplade.pipelines.errors import UsageError
from csplade.pipelines.schedules import flops_factor, focus_window, rate_factor


def test_the_rate_rises_linearly_then_falls_as_a_cosine_to_zero() -> None:
    factors = [rate_factor(step, 100, 0.1) for step in range(101)]
    assert factors[:10] == pytest.approx([number / 10 for number in range(1, 11)])
    assert factors[10] == 1.0
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0.0)
    assert factors[32] == pytest.approx((1 + math.cos(math.pi * 22 / 90)) / 2)
    assert factors[10:] == sorted(factors[10:], reverse=True)


@pytest.mark.parametrize("warm_up", [0.0, 1.0])
def test_the_rate_is_defined_without_warm_up_and_with_nothing_else(warm_up: float) -> None:
    assert all(0 < rate_factor(step, 10, warm_up) <= 1 for step in range(10))


def test_sparsity_grows_quadratically_to_its_whole_weight() -> None:
    assert [flops_factor(step, 100, 0.5) for step in (0, 25, 50, 99)] == [0.0, 0.25, 1.0, 1.0]
    assert flops_factor(0, 100, 0.0) == 1.0


def test_the_window_narrows_geometrically_and_then_opens() -> None:
    widths = [focus_window(step, 100, 1024, 64, 0.4) for step in (0, 10, 20, 30, 39, 40, 99)]
    assert widths == [1024, 512, 256, 128, round(1024 * (1 / 16) ** (39 / 40)), 0, 0]


def test_without_a_start_there_is_no_window() -> None:
    assert focus_window(0, 100, 0, 0, 0.3) == 0


@pytest.mark.parametrize("end", [0, 2000])
def test_a_window_that_does_not_narrow_is_refused(end: int) -> None:
    with pytest.raises(UsageError, match=rf"1024 terms cannot narrow to {end}: set loss\.focus_end"):
        focus_window(0, 100, 1024, end, 0.3)
