"""Long texts and large bodies in searches: they keep nobody waiting, and no memory is lost to what was encoded."""

import gzip
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


SEVERAL_MB = 4 * 2**20


@pytest.mark.parametrize("kind", ["query_string", "simple_query_string"])
def test_a_long_query_string_is_not_read_as_one(play: Play, kind: str) -> None:
    with playing(largest_search=2 * SEVERAL_MB) as large:
        body = orjson.dumps({"query": {kind: {"query": "a " * (SEVERAL_MB // 2), "fields": ["text"]}}})
        answer = large.ask("POST", f"/{INDEX}/_search", gzip.compress(body), content_encoding="gzip")
        assert (verdict(answer), ids(answer)) == ("passed; long_text", ["bm25"])
    # Of a text that may be encoded it is still known what is searched for.
    short: object = {"query": {kind: {"query": "bread -salt", "fields": ["text"]}}}
    assert verdict(play.ask("POST", f"/{INDEX}/_search", short)) == "rewritten"


@pytest.mark.parametrize("clause", [{"match": {"a": "b"}}, {"term": {"a": "b"}}])
@pytest.mark.parametrize("kind", ["_search", "_search/template"])
def test_a_search_with_clauses_without_end_is_given_up_in_time(clause: object, kind: str) -> None:
    search = {"query": {"bool": {"should": [clause] * 60_000}}}
    body = {"source": {**search, "size": "{{n}}"}, "params": {"n": 1}} if kind != "_search" else search
    with playing(deadline_ms=20, largest_search=SEVERAL_MB) as play:
        answer = play.ask("POST", f"/{INDEX}/{kind}", body)
        assert (verdict(answer), ids(answer)) == ("failed-open; encoder_slow", ["bm25"])
        assert not play.cluster.of("_render")


def test_a_small_search_that_takes_its_time_leaves_the_event_loop() -> None:
    # Each text is short enough, and all of them fit into a body that is usually rewritten at once.
    strings = [{"query_string": {"query": "a " * 1950, "default_field": "text"}}] * 16
    with playing(deadline_ms=60_000) as play:
        for _ in range(2):
            answer = play.ask("POST", f"/{INDEX}/_search", {"query": {"bool": {"should": strings}}})
            assert verdict(answer) == "rewritten"
        counts = play.gateway.counts()
        # Though its vector is remembered the second time, it is taken to the encoder's thread.
        assert counts["encoding_seconds_count"] == 2


@pytest.mark.parametrize("packed", [False, True])
def test_a_search_that_is_larger_than_is_rewritten_passes_and_a_document_does_not(packed: bool) -> None:
    with playing(largest_search=1000) as play:

        def sent(method: str, path: str, body: object) -> str | None:
            written = orjson.dumps(body)
            more = {"content_encoding": "gzip"} if packed else {}
            return verdict(play.ask(method, path, gzip.compress(written) if packed else written, **more))

        large = {**match("bread"), "note": "a" * 1000}
        assert sent("POST", f"/{INDEX}/_search", large) == "passed; too_large"
        assert sent("POST", f"/{INDEX}/_search", match("bread")) == "rewritten"
        assert sent("PUT", f"/{INDEX}/_doc/1", {"text": "bread " * 1000}) == "rewritten"


def test_weights_are_hidden_in_searches_that_are_too_large_to_be_rewritten() -> None:
    with playing(hide_weights=True, largest_search=1000) as play:
        large = {**match("bread"), "note": "a" * 1000}
        assert verdict(play.ask("POST", f"/{INDEX}/_search", large)) == "passed; too_large"
        assert "csplade_terms" in play.cluster.asked[-1].target, play.cluster.asked[-1]


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
