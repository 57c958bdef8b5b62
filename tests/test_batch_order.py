"""The order of examples over steps."""

from itertools import chain

import pytest
from csplade.pipelines.batch_order import order
from csplade.pipelines.errors import UsageError


def test_an_epoch_has_no_example_twice_and_the_next_is_shuffled_anew() -> None:
    positions = order(["a"] * 12, 4, seed=3, one_source=False)
    first = [positions(step) for step in range(3)]
    second = [positions(step) for step in range(3, 6)]
    assert sorted(chain(*first)) == sorted(chain(*second)) == list(range(12))
    assert first != second


def test_a_step_is_the_same_whatever_was_asked_before() -> None:
    sources = ["a", "b"] * 20
    once, again = (order(sources, 4, seed=5, one_source=True) for _ in range(2))
    assert [once(step) for step in range(30)] == [again(step) for step in reversed(range(30))][::-1]
    assert once(0) != order(sources, 4, seed=6, one_source=True)(0)


def test_what_an_epoch_leaves_out_comes_in_another() -> None:
    positions = order(["a"] * 10, 4, seed=0, one_source=False)
    assert set(chain(*(positions(step) for step in range(20)))) == set(range(10))


def test_batches_of_one_source_hold_no_other() -> None:
    sources = ["a"] * 9 + ["b"] * 5 + ["a"] * 3
    positions = order(sources, 4, seed=0, one_source=True)
    epoch = [positions(step) for step in range(4)]
    assert [len({sources[place] for place in batch}) for batch in epoch] == [1] * 4
    assert sorted(sources[batch[0]] for batch in epoch) == ["a", "a", "a", "b"]
    assert sorted(place for batch in epoch for place in batch if sources[place] == "a") == [*range(9), 14, 15, 16]


def test_too_few_examples_are_refused_with_the_key_to_change() -> None:
    with pytest.raises(UsageError, match=r"3 examples and batch\.queries asks for 4: set batch\.queries=3 or lower"):
        order(["a"] * 3, 4, seed=0, one_source=False)
    with pytest.raises(UsageError, match=r"tail has 1 examples .* batch\.one_source to false"):
        order(["a"] * 8 + ["tail"], 4, seed=0, one_source=True)


def test_too_few_examples_of_the_only_source_are_not_to_be_mixed_with_others() -> None:
    with pytest.raises(UsageError, match=r"there are 3 .* set batch\.queries=3 or lower, or add data$"):
        order(["a"] * 3, 4, seed=0, one_source=True)
