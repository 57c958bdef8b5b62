"""Searches whose callers wait are not kept waiting by the page of comparisons, by shadows and by documents."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
from csplade.tests.gateway_process import Answer
from csplade.tests.gateway_searches import verdict
from csplade.tests.gateway_words import SLOW, SLOW_SECONDS
from csplade.tests.scripted_cluster import INDEX, Play, match, playing
from csplade.tests.waiting import wait_until

# Less than a slow text takes, and more than a busy machine takes for another.
DEADLINE_MS = SLOW_SECONDS * 1000 * 0.6
TEXT = f"slow {SLOW}"


@contextmanager
def meanwhile(play: Play, *asks: Callable[[], Answer]) -> Iterator[list[Answer]]:
    """Ask in threads; the answers are there at the end."""
    under_way = play.gateway.counts()["in_flight"] + len(asks)
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda ask=ask: answers.append(ask())) for ask in asks]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: play.gateway.counts()["in_flight"] >= under_way)
        # After that they have begun to encode, or wait for it.
        time.sleep(0.3)
        yield answers
    finally:
        for thread in threads:
            thread.join()


def compare(play: Play, text: str) -> Answer:
    return play.ask("POST", f"/_csplade/compare/{INDEX}?modes=replace", match(text))


def test_a_slow_text_on_the_page_lets_no_search_fail_open() -> None:
    with playing(deadline_ms=DEADLINE_MS) as play:
        play.search("warm")
        with meanwhile(play, lambda: compare(play, TEXT)):
            began = time.monotonic()
            assert verdict(play.search("fresh bread")) == "rewritten"
            assert time.monotonic() - began < SLOW_SECONDS


def test_a_slow_text_of_a_shadow_lets_no_search_fail_open() -> None:
    with playing(deadline_ms=DEADLINE_MS, rollout_header="x-turn") as play:
        play.search("warm")
        assert verdict(play.search(TEXT, x_turn="shadow")) == "passed; shadow"
        time.sleep(0.3)
        assert verdict(play.search("fresh bread")) == "rewritten"


def test_more_than_a_few_on_the_page_are_told_that_the_encoder_is_slow() -> None:
    with playing() as play:
        play.search("warm")
        others = [lambda number=number: compare(play, f"bread {number}") for number in range(7)]
        # They wait behind the slow one.
        with meanwhile(play, lambda: compare(play, TEXT)), meanwhile(play, *others):
            told = orjson.loads(compare(play, f"{TEXT} last").body)
            assert "the encoder did not answer" in told["note"]
