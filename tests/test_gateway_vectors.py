"""Vectors of queries that a gateway remembers: those asked for last, counted, and the same as made anew."""

from collections.abc import Iterator

import pytest
from csplade.tests.gateway_searches import Stage, hits, stage, verdict

pytestmark = pytest.mark.cluster

ROOM = 2
FIRST, SECOND, THIRD = "fresh bread", "salted butter", "rye loaf"


@pytest.fixture
def staged(opensearch: str) -> Iterator[Stage]:
    with stage(opensearch, "replace", gateway={"deadline_ms": 60_000, "cached_vectors": ROOM}) as running:
        yield running


def remembered(staged: Stage, *texts: str) -> int:
    """Search for texts, and return how many vectors did not have to be made for them."""
    before = counted(staged)
    for text in texts:
        assert asked(staged, text)
    made, found = (now - then for now, then in zip(counted(staged), before, strict=True))
    assert made + found == len(texts)
    return int(found)


def counted(staged: Stage) -> tuple[float, float]:
    """Return how often vectors were made, and how often they were remembered."""
    counts = staged.gateway.counts()
    return counts["encoding_seconds_count"], counts["remembered_vectors_total"]


def asked(staged: Stage, text: str) -> list[tuple[str, float]]:
    answer = staged.ask("POST", f"/{staged.index('replace')}/_search", {"query": {"match": {"text": text}}, "size": 5})
    assert verdict(answer) == "rewritten"
    return hits(answer)


def test_the_vectors_that_were_asked_for_last_are_remembered(staged: Stage) -> None:
    assert remembered(staged, FIRST, SECOND) == 0
    assert remembered(staged, FIRST, SECOND, FIRST, SECOND) == 4
    # Which was asked for longest ago has to go: the first one, when a third comes.
    assert remembered(staged, THIRD) == 0
    assert remembered(staged, SECOND, THIRD) == 2
    assert remembered(staged, FIRST) == 0
    assert remembered(staged, THIRD, FIRST) == 2
    assert remembered(staged, SECOND) == 0


def test_to_be_asked_for_again_is_to_be_remembered_longer(staged: Stage) -> None:
    assert remembered(staged, FIRST, SECOND) == 0
    assert remembered(staged, FIRST) == 1
    assert remembered(staged, THIRD) == 0
    assert remembered(staged, FIRST) == 1
    assert remembered(staged, SECOND) == 0


def test_a_remembered_vector_is_the_one_that_was_made(staged: Stage) -> None:
    made = asked(staged, FIRST)
    assert remembered(staged, FIRST) == 1
    assert asked(staged, FIRST) == made
