"""The encoder is slow, broken or not there, or the cluster refuses what was made: the caller's own search runs."""

import re
from collections.abc import Iterator
from random import Random

import orjson
import pytest
from csplade.tests.gateway_process import Answer, Gateway, ask, serving
from csplade.tests.gateway_searches import Json, Stage, hits, odd_mapping, request, stage, verdict
from csplade.tests.gateway_words import BROKEN, DOTTED, NO_ENCODER, SLOW
from csplade.tests.rewrite_bodies import make_body
from csplade.tests.scripted_cluster import INDEX, WELL, Asked, Said, found, ids, playing

pytestmark = pytest.mark.cluster

_TOOK = re.compile(rb'"took":\d+')


@pytest.fixture(scope="module")
def staged(opensearch: str) -> Iterator[Stage]:
    gateway = {"deadline_ms": 2000, "largest_body": 20_000}
    with stage(opensearch, "replace", gateway=gateway, options=("--workers", "1")) as running:
        running.direct.indices.create(index=f"{running.name}-replace-bad", body={"mappings": odd_mapping()})
        lines = [{"index": {"_id": "odd"}}, {"text": "bread of an odd index"}]
        running.direct.bulk(index=f"{running.name}-replace-bad", body=lines, params={"refresh": "true"})
        yield running


def match(text: str) -> Json:
    return {"query": {"match": {"text": text}}, "size": 20}


def plain(answer: Answer) -> bytes:
    return _TOOK.sub(b'"took":0', answer.body)


def both(staged: Stage, path: str, body: object, **headers: str) -> tuple[Answer, Answer]:
    """Ask the gateway and the cluster itself."""
    return staged.ask("POST", path, body, False, **headers), staged.ask("POST", path, body, True, **headers)


@pytest.mark.parametrize(
    ("word", "said"), [(BROKEN, "encoder_broken"), (DOTTED, "encoder_broken"), (SLOW, "encoder_slow")]
)
def test_trouble_with_the_encoder_costs_nobody_the_answer(staged: Stage, word: str, said: str) -> None:
    series = f'rewriting_total{{outcome="failed-open",reason="{said}"}}'
    before = staged.gateway.counts().get(series, 0)
    answer, direct = both(staged, f"/{staged.index('replace')}/_search", match(f"fresh bread {word} {said}"))
    assert verdict(answer) == f"failed-open; {said}"
    assert plain(answer) == plain(direct)
    assert staged.gateway.counts()[series] == before + 1
    # No text, though the encoder's own error has it.
    assert word.encode() not in staged.gateway.errors.read_bytes()


def test_a_vector_that_came_too_late_is_there_for_the_next_search(staged: Stage) -> None:
    body = match(f"bread {SLOW} again")
    path = f"/{staged.index('replace')}/_search"
    said = [verdict(staged.ask("POST", path, body))]
    while said[-1] != "rewritten":
        assert said[-1] == "failed-open; encoder_slow"
        assert len(said) < 50
        said.append(verdict(staged.ask("POST", path, body)))
    assert len(said) > 1


@pytest.mark.parametrize("kind", ["_search", "_count", "_validate/query"])
def test_a_search_that_the_cluster_refuses_once_it_is_rewritten_runs_as_it_was(staged: Stage, kind: str) -> None:
    body = {"query": match("fresh bread")["query"]}
    answer, direct = both(staged, f"/{staged.name}-replace-bad/{kind}", body)
    assert (answer.status, verdict(answer)) == (200, "failed-open; cluster_refused")
    assert plain(answer) == plain(direct)


def test_a_search_that_fails_on_some_shards_once_it_is_rewritten_runs_as_it_was(staged: Stage) -> None:
    path = f"/{staged.index('replace')},{staged.name}-replace-bad/_search"
    answer, direct = both(staged, path, match("fresh bread"))
    assert verdict(answer) == "failed-open; cluster_refused"
    assert plain(answer) == plain(direct)
    packed, _ = both(staged, path, match("fresh bread"), accept_encoding="gzip")
    assert verdict(packed) == "failed-open; cluster_refused"


def test_a_scroll_that_runs_as_it_was_leaves_no_other_one_open(staged: Stage) -> None:
    names = f"{staged.index('replace')},{staged.name}-replace-bad"
    answer = staged.ask("POST", f"/{names}/_search?scroll=10m", {**match("fresh bread"), "size": 1})
    assert verdict(answer) == "failed-open; cluster_refused"
    assert open_scrolls(staged, names) > 0
    staged.ask("DELETE", "/_search/scroll", {"scroll_id": orjson.loads(answer.body)["_scroll_id"]}, direct=True)
    assert open_scrolls(staged, names) == 0


def open_scrolls(staged: Stage, names: str) -> int:
    """Return of how many shards a scroll is open."""
    told: Json = staged.direct.indices.stats(index=names, metric="search")
    found: int = told["_all"]["primaries"]["search"]["scroll_current"]
    return found


@pytest.mark.parametrize(
    ("path", "closed"),
    [
        (f"/{INDEX}/_async_search", "/_async_search/Rm%3D%3D"),
        ("/_plugins/_asynchronous_search?index=articles", "/_plugins/_asynchronous_search/Rm%3D%3D"),
        (f"/{INDEX}/_search?scroll=1m", None),
    ],
)
def test_a_stored_result_that_nobody_is_told_of_is_dropped(path: str, closed: str | None) -> None:
    def failing(asked: Asked) -> Said | None:
        response = {**found("a"), "_shards": {**WELL, "failed": 1}}
        return Said({"id": "Rm==", "is_running": False, "response": response}) if asked.by_weights else None

    with playing(failing) as play:
        answer = play.ask("POST", path, match("bread"), authorization="Basic YTpi")
        assert (verdict(answer), ids(answer)) == ("failed-open; cluster_refused", ["bm25"])
        sent = [(each.target, each.headers["authorization"]) for each in play.cluster.asked if each.method == "DELETE"]
        assert sent == ([(closed, "Basic YTpi")] if closed is not None else [])


def test_all_of_several_searches_run_as_they_were_if_one_is_refused(staged: Stage) -> None:
    indexes = (staged.index("replace"), f"{staged.name}-replace-bad")
    lines = b"".join(
        orjson.dumps(line) + b"\n" for index in indexes for line in ({"index": index}, match("fresh bread"))
    )
    answer, direct = both(staged, "/_msearch", lines, content_type="application/x-ndjson")
    assert verdict(answer) == "failed-open; cluster_refused"
    assert plain(answer) == plain(direct)


def test_what_the_cluster_refuses_in_any_case_is_told_as_it_says_it(staged: Stage) -> None:
    body = {**match("fresh bread"), "from": -5}
    answer, direct = both(staged, f"/{staged.index('replace')}/_search", body)
    assert (answer.status, verdict(answer)) == (400, "passed; cluster_refused")
    assert plain(answer) == plain(direct)


def test_a_body_that_is_too_large_passes_as_it_is(staged: Stage) -> None:
    body = {**match("fresh bread"), "query": {"bool": {"should": [match("fresh bread")["query"]] * 900}}}
    answer, direct = both(staged, f"/{staged.index('replace')}/_search", body)
    assert verdict(answer) == "passed; too_large"
    assert plain(answer) == plain(direct)


def test_without_an_encoder_every_search_is_answered_as_the_cluster_would(
    opensearch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NO_ENCODER, "1")
    with stage(opensearch, "replace") as staged:
        chance, said = Random(3), set()
        for _ in range(60):
            answer, direct = both(staged, f"/{staged.index('replace')}/_search", make_body(chance))
            assert (answer.status, plain(answer)) == (direct.status, plain(direct))
            said.add(verdict(answer))
        assert "failed-open; encoder_broken" in said
        assert not {each for each in said if each and each.startswith("rewritten")}
        assert b"the encoder cannot be opened" in staged.gateway.errors.read_bytes()
        assert hits(answer) is not None
        assert health(staged.gateway) == (200, "broken")


def health(gateway: Gateway) -> tuple[int, str]:
    """Return the status of the page about it, and what it says of the encoder."""
    answer = ask(gateway.port, request("GET", "/_csplade/health", None, {}))
    return answer.status, orjson.loads(answer.body)["encoder"]


def test_the_page_about_health_tells_whether_there_is_an_encoder(staged: Stage, opensearch: str) -> None:
    assert health(staged.gateway) == (200, "ok")
    with serving(opensearch) as plain_gateway:
        assert health(plain_gateway) == (200, "none")
