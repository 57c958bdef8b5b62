"""The pace: half after trouble, a little more after each good answer, never beyond what was asked for."""

import itertools
import time

from csplade.integration.bulk_pace import Pace, PaceOptions

OPTIONS = PaceOptions(documents=100, bytes=1000, requests=4, slow_seconds=5.0)


def shown(one: Pace) -> tuple[int, int, int]:
    return (one.documents, one.bytes, one.requests)


def test_it_begins_with_the_most_and_never_gives_more() -> None:
    pace = Pace(OPTIONS)
    assert shown(pace) == (100, 1000, 4)
    pace.answered(time.monotonic(), whole=True)
    assert shown(pace) == (100, 1000, 4)


def test_trouble_halves_and_good_answers_add_the_same_each_time() -> None:
    pace = Pace(OPTIONS)
    pace.refused(time.monotonic())
    assert shown(pace) == (50, 500, 2)
    sizes = []
    for _ in range(11):
        pace.answered(time.monotonic(), whole=True)
        sizes.append(pace.documents)
    assert [later - sooner for sooner, later in itertools.pairwise(sizes)] == [5] * 9 + [0]
    assert shown(pace) == (100, 1000, 4)


def test_slow_answers_and_refused_documents_are_trouble() -> None:
    slow, partly = Pace(OPTIONS), Pace(OPTIONS)
    slow.answered(time.monotonic() - 6.0, whole=True)
    partly.answered(time.monotonic(), whole=False)
    assert shown(partly) == (50, 500, 2)
    assert shown(slow) == (50, 500, 2)


def test_requests_that_met_the_same_jam_halve_once() -> None:
    pace = Pace(OPTIONS)
    together = time.monotonic()
    for _ in range(4):
        pace.refused(together)
    assert shown(pace) == (50, 500, 2)


def test_at_least_one_document_and_one_request_go() -> None:
    pace = Pace(OPTIONS)
    for _ in range(40):
        pace.refused(time.monotonic())
    assert (pace.documents, pace.requests) == (1, 1)
    assert pace.bytes >= 1
