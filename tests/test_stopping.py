"""Signals that come while something is done that must not be done by half: they act when it is done."""

import signal
import threading

import pytest
from csplade.pipelines.stopping import uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_acts_at_the_end_of_the_block_and_at_once_behind_it(number: signal.Signals) -> None:
    # As the program has it for both.
    before = signal.signal(number, signal.default_int_handler)
    done: list[str] = []
    try:
        with pytest.raises(KeyboardInterrupt), uninterrupted():
            signal.raise_signal(number)
            done.append("the rest of the block")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
            done.append("behind it")
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert done == ["the rest of the block"]


def test_each_signal_acts_as_it_would_have_and_also_when_the_block_fails() -> None:
    heard: list[int] = []
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        for number, _ in before:
            signal.signal(number, lambda came, _: heard.append(came))
        with pytest.raises(ValueError, match="its own"), uninterrupted():
            for number, _ in before:
                signal.raise_signal(number)
            assert heard == []
            raise ValueError("its own")
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    assert sorted(heard) == sorted(number for number, _ in before)


def test_other_threads_are_interrupted_by_nothing_anyway() -> None:
    done: list[bool] = []

    def act() -> None:
        with uninterrupted():
            done.append(True)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    assert done == [True]
