"""Long texts in searches: they are not encoded, and no memory is lost to what was encoded."""

from collections.abc import Iterator

import orjson
import pytest
from csplade.pipelines.encode_kept import KeptVectors
from csplade.pipelines.sparse import SparseVector
from csplade.tests.gateway_searches import verdict
from csplade.tests.scripted_cluster import INDEX, Play, ids, lines, match, playing

LONGEST = 40
LONG = "x" * (LONGEST + 1)


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    with playing(longest_query=LONGEST) as running:
        yield running


def test_a_text_that_is_too_long_passes_and_is_counted(play: Play) -> None:
    assert verdict(play.search("x" * LONGEST)) == "rewritten"
    before = play.gateway.counts()["encoding_seconds_count"]
    answer = play.search(LONG)
    assert (verdict(answer), ids(answer)) == ("passed; long_text", ["bm25"])
    assert orjson.loads(play.cluster.asked[-1].body) == match(LONG)
    counts = play.gateway.counts()
    assert counts['rewriting_total{outcome="passed",reason="long_text"}'] == 1
    assert counts["encoding_seconds_count"] == before


def test_of_several_searches_those_with_a_long_text_pass(play: Play) -> None:
    body = lines({"index": INDEX}, match(LONG), {"index": INDEX}, match("bread"))
    play.cluster.asked.clear()
    answer = play.ask("POST", "/_msearch", body, content_type="application/x-ndjson")
    first = play.cluster.of("_msearch")[0].body.splitlines()
    assert (orjson.loads(first[1]), b"rank_feature" in first[3]) == (match(LONG), True)
    assert answer.status == 200


def test_the_page_compares_nothing_for_a_long_text(play: Play) -> None:
    answer = play.ask("POST", f"/_csplade/compare/{INDEX}?modes=replace", match(LONG))
    assert "long_text" in orjson.loads(answer.body)["note"]


def vector(terms: int) -> SparseVector:
    return SparseVector({f"term{number}": 1.0 for number in range(terms)})


def test_memory_is_bounded_by_what_it_takes_and_not_by_its_count() -> None:
    memory = KeptVectors(4096, room=100_000, largest=60_000)
    for number in range(10):
        memory.keep(f"{number}", vector(200))
    kept = [number for number in range(10) if memory.get(f"{number}") is not None]
    assert kept
    assert kept == [*range(10 - len(kept), 10)]
    assert len(kept) < 5


def test_one_large_vector_does_not_drive_out_the_others() -> None:
    memory = KeptVectors(4096, room=100_000, largest=60_000)
    memory.keep("small", vector(3))
    memory.keep("large", vector(1000))
    memory.keep("long" * 50_000, vector(1))
    assert memory.get("large") is None
    assert memory.get("long" * 50_000) is None
    assert memory.get("small") == vector(3)


def test_what_is_kept_twice_takes_room_once() -> None:
    memory = KeptVectors(4096, room=70_000, largest=60_000)
    for _ in range(5):
        memory.keep("again", vector(300))
    memory.keep("other", vector(3))
    assert memory.get("again") is not None
