"""A cluster that runs a rewritten search on some shards only, has no time for it, or too much to do."""

import gzip
import zlib
from collections.abc import Iterator

import orjson
import pytest
from csplade.integration.gateway_headers import readable_answer
from csplade.tests.gateway_process import Answer
from csplade.tests.gateway_searches import Json, verdict
from csplade.tests.scripted_cluster import INDEX, WELL, Asked, Play, Said, Script, found, ids, lines, match, playing

PARTLY = {**WELL, "failed": 1}
FAILED_OPEN = "failed-open; cluster_refused"
TIMED_OUT = 'rewriting_total{outcome="rewritten",reason="timed_out"}'


@pytest.fixture(scope="module")
def shared() -> Iterator[Play]:
    with playing() as running:
        yield running


def weights_get(said: Said) -> Script:
    """Be a cluster that answers so to what is rewritten."""
    return lambda asked: said if asked.by_weights else None


@pytest.mark.parametrize("name", ["_scroll_id", "pit_id"])
@pytest.mark.parametrize("packed", [False, True])
def test_failed_shards_are_found_behind_a_long_id(shared: Play, name: str, packed: bool) -> None:
    body = orjson.dumps({name: "c2hhcmQ=" * 20_000, **found("a"), "_shards": PARTLY})
    said = Said(gzip.compress(body), headers=(("content-encoding", "gzip"),)) if packed else Said(body)
    play = shared.under(weights_get(said))
    answer = play.search(accept_encoding="gzip")
    assert (verdict(answer), ids(answer)) == (FAILED_OPEN, ["bm25"])


def test_what_documents_say_of_shards_is_not_believed(shared: Play) -> None:
    told = found("a")
    told["hits"]["hits"][0]["_source"] = {"_shards": {"failed": 7}, "timed_out": True}
    play = shared.under(weights_get(Said(told)))
    assert verdict(play.search()) == "rewritten"
    del told["_shards"]
    assert verdict(play.search()) == "rewritten"


def packing(asked: Asked) -> Said | None:
    """Be a cluster with failed shards that packs as it is asked to, deflate first."""
    if not asked.by_weights:
        return None
    failed = {**found("a"), "_shards": PARTLY}
    body = orjson.dumps({"responses": [failed]} if "_msearch" in asked.target else failed)
    wanted = asked.headers.get("accept-encoding", "")
    if "deflate" in wanted:
        return Said(zlib.compress(body), headers=(("content-encoding", "deflate"),))
    if "br" in wanted:
        return Said(b"whatever it packs so", headers=(("content-encoding", "br"),))
    return Said(gzip.compress(body), headers=(("content-encoding", "gzip"),)) if "gzip" in wanted else Said(body)


@pytest.mark.parametrize("wanted", ["deflate", "deflate, gzip", "br", "gzip"])
def test_failed_shards_are_found_in_whatever_form_the_caller_wants_the_answer(shared: Play, wanted: str) -> None:
    play = shared.under(packing)
    assert verdict(play.search(accept_encoding=wanted)) == FAILED_OPEN
    several = lines({"index": INDEX}, match("bread"))
    kind = "application/x-ndjson"
    answer = play.ask("POST", "/_msearch", several, content_type=kind, accept_encoding=wanted)
    assert verdict(answer) == FAILED_OPEN
    # The caller's own search is asked for as the caller asks.
    assert play.cluster.asked[-1].headers["accept-encoding"] == wanted


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ([b"gzip, deflate, br"], [b"gzip"]),
        ([b"br;q=1.0", b"gzip;q=0.5"], [b"gzip"]),
        ([b"gzip;q=0, deflate"], []),
        ([b"identity"], []),
        ([], []),
    ],
)
def test_of_all_codings_gzip_alone_is_asked_for(wanted: list[bytes], sent: list[bytes]) -> None:
    headers = [(b"accept-encoding", value) for value in wanted]
    assert [value for _, value in readable_answer([(b"a", b"b"), *headers])] == [b"b", *sent]


@pytest.mark.parametrize("status", [503, 504])
def test_a_search_for_which_the_cluster_has_no_time_runs_as_it_was_once(shared: Play, status: int) -> None:
    play = shared.under(weights_get(Said({"error": "too much"}, status)))
    answer = play.search()
    assert (answer.status, verdict(answer), ids(answer)) == (200, FAILED_OPEN, ["bm25"])
    assert [asked.by_weights for asked in play.cluster.of("_search")] == [True, False]


def test_a_cluster_that_has_no_time_at_all_says_so(shared: Play) -> None:
    play = shared.under(lambda asked: Said({"error": "no"}, 503) if "_search" in asked.target else None)
    answer = play.search()
    assert (answer.status, verdict(answer)) == (503, "passed; cluster_refused")
    assert len(play.cluster.of("_search")) == 2


def test_a_cluster_that_has_too_much_to_do_is_not_asked_again(shared: Play) -> None:
    play = shared.under(weights_get(Said({"error": "too many"}, 429)))
    answer = play.search()
    assert (answer.status, verdict(answer)) == (429, "rewritten")
    assert len(play.cluster.of("_search")) == 1


def rejections(*kinds: str, **more: object) -> Json:
    """Return what is said of shards that failed with errors of these types."""
    each = [{"shard": 0, "index": INDEX, "reason": {"type": kind, "reason": "no", **more}} for kind in kinds]
    return {**WELL, "total": 5, "failed": len(kinds), "failures": each}


REJECTED, OTHER = ("es_rejected_execution_exception", "rejected_execution_exception"), "query_shard_exception"


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        (rejections(REJECTED[0]), "rewritten"),
        (rejections(*REJECTED), "rewritten"),
        # Longer than what is looked at first.
        (rejections(REJECTED[0], stack_trace="a" * 100_000), "rewritten"),
        (rejections(REJECTED[0], OTHER), FAILED_OPEN),
        ({**PARTLY, "failures": []}, FAILED_OPEN),
        ({**PARTLY, "failures": [{"shard": 0}]}, FAILED_OPEN),
        (PARTLY, FAILED_OPEN),
    ],
)
@pytest.mark.parametrize("kind", ["_search", "_msearch"])
def test_shards_that_have_too_much_to_do_are_not_asked_again(shared: Play, shards: Json, said: str, kind: str) -> None:
    told = {"took": 1, "timed_out": False, "_shards": shards, "hits": found("a")["hits"]}
    if kind == "_msearch":
        answer, times = ask_several(shared, several(told, found("b")))
        assert (verdict(answer), times) == ((f"{said}; 2 of 2", 1) if said == "rewritten" else (said, 2))
        return
    play = shared.under(weights_get(Said(told)))
    answer = play.search()
    assert (verdict(answer), ids(answer)) == (said, ["a"] if said == "rewritten" else ["bm25"])


def several(*answers: Json) -> Script:
    return weights_get(Said({"took": 1, "responses": answers}))


def ask_several(shared: Play, script: Script) -> tuple[Answer, int]:
    """Return the answer to two searches, and how many requests the cluster got for them."""
    body = lines({"index": INDEX}, match("bread"), {"index": INDEX}, match("butter"))
    play = shared.under(script)
    answer = play.ask("POST", "/_msearch", body, content_type="application/x-ndjson")
    return answer, len(play.cluster.of("_msearch"))


@pytest.mark.parametrize("status", [400, 500, 503, 504])
def test_one_of_several_for_which_there_is_no_time_lets_all_run_as_they_were(shared: Play, status: int) -> None:
    answer, times = ask_several(shared, several(found("a"), {"error": {"type": "a"}, "status": status}))
    assert (verdict(answer), times) == (FAILED_OPEN, 2)


def test_one_of_several_that_is_too_much_is_told_and_not_asked_again(shared: Play) -> None:
    answer, times = ask_several(shared, several(found("a"), {"error": {"type": "a"}, "status": 429}))
    assert (verdict(answer), times) == ("rewritten; 2 of 2", 1)
    assert orjson.loads(answer.body)["responses"][1]["status"] == 429


def test_what_ends_at_the_callers_own_timeout_is_given_and_counted(shared: Play) -> None:
    late = {**found("a"), "timed_out": True}
    play = shared.under(weights_get(Said(late)))
    before = play.gateway.counts().get(TIMED_OUT, 0)
    answer = play.search(kind="_search?timeout=1ms")
    assert (verdict(answer), orjson.loads(answer.body)) == ("rewritten; timed_out", late)
    assert play.gateway.counts()[TIMED_OUT] == before + 1
    answer, times = ask_several(shared, several(found("a"), late))
    assert (verdict(answer), times) == ("rewritten; timed_out; 2 of 2", 1)
