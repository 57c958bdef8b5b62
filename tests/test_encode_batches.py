"""Windows of texts, and the one that is made ahead."""

import threading
from collections.abc import Iterator

import pytest
from csplade.pipelines.encode_batches import one_ahead, windows


def test_windows_end_at_so_many_texts_or_characters_and_lose_nothing() -> None:
    texts = ["a" * 3, "b" * 3, "c" * 9, "d", "e", "f", "g"]
    assert list(windows(texts, 3, 6)) == [texts[:2], texts[2:3], texts[3:6], texts[6:]]
    assert list(windows([], 3, 6)) == []


def test_a_thread_makes_the_next_item_while_the_caller_has_the_one_before() -> None:
    second_made = threading.Event()

    def make(item: int) -> int:
        if item == 1:
            second_made.set()
        return item * 10

    made = one_ahead(iter(range(4)), make)
    assert next(made) == 0
    # Nothing more is asked for, and yet the next one comes.
    assert second_made.wait(30)
    assert list(made) == [10, 20, 30]


def test_items_are_taken_in_the_thread_of_the_caller_and_an_only_one_is_made_there() -> None:
    def items(count: int) -> Iterator[int]:
        for item in range(count):
            assert threading.current_thread() is threading.main_thread()
            yield item

    def where(_item: int) -> bool:
        return threading.current_thread() is threading.main_thread()

    assert list(one_ahead(items(1), where)) == [True]
    assert list(one_ahead(items(3), where)) == [False] * 3
    assert list(one_ahead(items(0), where)) == []


@pytest.mark.parametrize("good", [0, 1, 2, 5])
def test_what_came_before_an_error_of_the_source_is_given_first(good: int) -> None:
    def items() -> Iterator[int]:
        yield from range(good)
        raise OSError("the disk is gone")

    made, found = one_ahead(items(), str), []
    with pytest.raises(OSError, match="the disk is gone"):
        for each in made:
            found.append(each)
    assert found == [str(item) for item in range(good)]


def test_an_error_of_the_making_is_raised_and_closing_early_leaves_no_thread() -> None:
    with pytest.raises(ZeroDivisionError):
        list(one_ahead(iter([1, 0, 2]), lambda item: 1 // item))
    made = one_ahead(iter(range(9)), str)
    next(made)
    assert any(thread.name.startswith("csplade-ahead") for thread in threading.enumerate())
    del made
    assert not any(thread.name.startswith("csplade-ahead") for thread in threading.enumerate())
