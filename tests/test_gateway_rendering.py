"""A cluster that does not say in time, or at all, what it makes of a template: the caller's own search runs."""

import time
from collections.abc import Iterator

import orjson
import pytest
from csplade.tests.gateway_process import Answer
from csplade.tests.gateway_searches import verdict
from csplade.tests.scripted_cluster import INDEX, Asked, Play, Said, Script, found, ids, lines, match, playing

TEMPLATE = {"id": "mine", "params": {"q": "bread"}}
RENDERED = {"template_output": match("bread")}


@pytest.fixture(scope="module")
def shared() -> Iterator[Play]:
    with playing(largest_body=10_000) as running:
        yield running


def rendering(said: Said) -> Script:
    """Be a cluster that says this when it is asked to fill a template."""

    def script(asked: Asked) -> Said | None:
        return said if asked.target == "/_render/template" else None

    return script


def search(play: Play, template: object = TEMPLATE, **headers: str) -> Answer:
    return play.ask("POST", f"/{INDEX}/_search/template?routing=a", template, **headers)


def test_the_cluster_is_asked_as_the_caller_and_with_the_caller_s_own_bytes(shared: Play) -> None:
    play = shared.under(rendering(Said(RENDERED)))
    raw = b'{ "id": "mine",  "params": {"q": 1.50}}'
    answer = search(play, raw, authorization="Basic YTpi", x_opaque_id="mine")
    assert (verdict(answer), ids(answer)) == ("rewritten", ["weights"])
    (asked,) = (each for each in play.cluster.asked if each.target == "/_render/template")
    assert (asked.method, asked.body) == ("POST", raw)
    assert (asked.headers["authorization"], asked.headers["x-opaque-id"]) == ("Basic YTpi", "mine")
    sent = play.cluster.asked[-1]
    assert sent.target == f"/{INDEX}/_search/template?routing=a"
    assert [*orjson.loads(sent.body)] == ["source", "params"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Said({"error": "no"}, 403), "failed-open; not_rendered"),
        (Said({"error": "full"}, 429), "failed-open; not_rendered"),
        (Said({"error": "gone"}, 503), "failed-open; not_rendered"),
        (Said({"error": "such"}, 404), "passed; cluster_refused"),
        (Said({"error": "bad"}, 400), "passed; cluster_refused"),
        (Said({"error": "who?"}, 401), "passed; not_authenticated"),
        (Said(b""), "failed-open; not_rendered"),
        (Said([]), "failed-open; not_rendered"),
        (Said({"template_output": "text"}), "failed-open; not_rendered"),
        (Said({**RENDERED, "more": 1}), "failed-open; not_rendered"),
        (Said(b'{"template_output": {}, "template_output": {}}'), "failed-open; not_rendered"),
        (Said({"template_output": {**match("bread"), "note": "a" * 20_000}}), "failed-open; not_rendered"),
        (Said({"template_output": {"size": 1}}), "passed; nothing_to_rewrite"),
        (Said({"template_output": {"query": {"intervals": {"text": {}}}}}), "passed; not_understood"),
    ],
)
def test_without_what_it_stands_for_a_template_passes(shared: Play, said: Said, told: str) -> None:
    outcome, _, reason = told.partition("; ")
    name = f'rewriting_total{{outcome="{outcome}",reason="{reason}"}}'
    before = shared.gateway.counts().get(name, 0)
    play = shared.under(rendering(said))
    answer = search(play)
    assert (verdict(answer), ids(answer)) == (told, ["bm25"])
    assert play.gateway.counts()[name] == before + 1
    assert play.cluster.asked[-1].body == orjson.dumps(TEMPLATE)
    # Other searches do not mind.
    assert verdict(play.search()) == "rewritten"


def test_a_template_that_takes_too_long_passes() -> None:
    told = "failed-open; rendering_slow"
    with playing(rendering(Said(RENDERED, seconds=3.0)), deadline_ms=1500) as play:
        answer = search(play)
        assert (verdict(answer), ids(answer)) == (told, ["bm25"])
        assert play.gateway.counts()['rewriting_total{outcome="failed-open",reason="rendering_slow"}'] == 1
        assert play.cluster.asked[-1].body == orjson.dumps(TEMPLATE)


def test_an_answer_that_is_none_costs_nobody_the_search(shared: Play) -> None:
    play = shared.under(rendering(Said(b"{}", headers=(("content-length", "50"),))))
    answer = search(play)
    assert (verdict(answer), ids(answer)) == ("failed-open; not_rendered", ["bm25"])


def test_several_templates_share_the_time_and_are_asked_about_once_each() -> None:
    slow = Said(RENDERED, seconds=1.0)
    responses = {"took": 1, "responses": [found("one"), found("two")]}

    def script(asked: Asked) -> Said | None:
        if asked.target == "/_render/template":
            return slow if b"slow" in asked.body else Said(RENDERED)
        return Said(responses) if "_msearch" in asked.target else None

    # Eight times, or 64 times, 1 s would be more.
    with playing(script, deadline_ms=6000) as play:
        bodies = [TEMPLATE, *({"id": f"slow{number % 8}"} for number in range(64))]
        body = lines(*(line for each in bodies for line in ({}, each)))
        answer = play.ask("POST", f"/{INDEX}/_msearch/template", body, content_type="application/x-ndjson")
        assert verdict(answer) == "rewritten; 65 of 65"
        asked = [each for each in play.cluster.asked if each.target == "/_render/template"]
        assert len(asked) == 9


def test_several_templates_share_the_room(shared: Play) -> None:
    rendered = Said({"template_output": {**match("bread"), "note": "a" * 4000}})
    responses = {"took": 1, "responses": [found(f"{number}") for number in range(20)]}

    def script(asked: Asked) -> Said | None:
        return (
            rendered if asked.target == "/_render/template" else Said(responses) if "_msearch" in asked.target else None
        )

    play = shared.under(script)
    body = lines(*(line for number in range(20) for line in ({}, {"id": f"{number}"})))
    answer = play.ask("POST", f"/{INDEX}/_msearch/template", body, content_type="application/x-ndjson")
    assert verdict(answer) == "rewritten; 2 of 20"
    # Each request has room of its own.
    assert verdict(search(play)) == "rewritten"


def test_a_template_beside_a_query_that_clusters_pass_over_is_not_asked_about(shared: Play) -> None:
    play = shared.under(rendering(Said(RENDERED)))
    answer = play.ask("POST", f"/{INDEX}/_search/template?q=bread", TEMPLATE)
    assert verdict(answer) == "passed; not_read"
    assert not play.cluster.of("/_render/template")


def test_a_template_that_can_be_read_is_not_asked_about(shared: Play) -> None:
    play = shared.under(lambda _: None)
    answer = search(play, {"source": {"query": {"match": {"text": "{{q}}"}}}, "params": {"q": "bread"}})
    assert (verdict(answer), ids(answer)) == ("rewritten", ["weights"])
    assert not [each for each in play.cluster.asked if each.target == "/_render/template"]


def test_in_the_shadow_the_caller_is_answered_before_a_template_is_filled() -> None:
    with playing(rendering(Said(RENDERED, seconds=0.5)), shadow=True) as play:
        answer = search(play)
        assert (verdict(answer), ids(answer)) == ("passed; shadow", ["bm25"])
        targets = [each.target for each in play.cluster.asked]
        before = targets[: targets.index(f"/{INDEX}/_search/template?routing=a")]
        assert "/_render/template" not in before
        deadline = time.monotonic() + 60
        while not play.cluster.asked[-1].by_weights:
            assert time.monotonic() < deadline
            time.sleep(0.05)
