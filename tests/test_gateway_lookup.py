"""What the gateway asks the cluster about indexes before it rewrites: whom for, how often, how long, and what then."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.gateway_callers import caller_key
from csplade.integration.gateway_rules import read_rules
from csplade.pipelines.errors import UsageError
from csplade.tests.gateway_process import ask
from csplade.tests.gateway_searches import capable, request, rules, verdict
from csplade.tests.rewrite_index import mapping
from csplade.tests.scripted_cluster import INDEX, Asked, Play, Said, ids, lines, match, playing

BARE = "articles-bare"
SLOW_SECONDS = 1.5


def unlike(asked: Asked) -> Said | None:
    """Be a cluster with an index that has no field for weights, of which it says as much as real ones do: nothing."""
    if "/_resolve/index/" in asked.target:
        names = [BARE] if BARE in asked.target else [INDEX, BARE] if "*" in asked.target else [INDEX]
        return Said({"indices": [{"name": name} for name in names], "aliases": [], "data_streams": []})
    if "/_mapping" in asked.target and BARE in asked.target:
        return Said({})
    if "/_field_caps" in asked.target:
        return Said({"fields": {} if BARE in asked.target else capable("rank_features", "unmapped")})
    return None


def test_a_search_of_an_index_without_a_field_for_weights_passes() -> None:
    with playing(unlike) as play:
        for names in (BARE, "articles*"):
            answer = play.ask("POST", f"/{names}/_search", match("bread"))
            assert (verdict(answer), ids(answer)) == ("passed; no_weights_field", ["bm25"])
        assert verdict(play.search()) == "rewritten"
        assert play.gateway.counts()['rewriting_total{outcome="passed",reason="no_weights_field"}'] == 2


def test_a_field_of_another_kind_is_no_field_for_weights() -> None:
    def odd(asked: Asked) -> Said | None:
        return Said({INDEX: {"mappings": mapping("flat_object")}}) if "/_mapping" in asked.target else None

    with playing(odd) as play:
        assert verdict(play.search()) == "passed; no_weights_field"


def test_who_may_search_but_ask_nothing_is_judged_by_names() -> None:
    parts = ("/_resolve", "/_mapping", "/_field_caps")

    def closed(asked: Asked) -> Said | None:
        return Said({"error": "no"}, 403) if any(part in asked.target for part in parts) else None

    with playing(closed) as play:
        assert verdict(play.search()) == "rewritten"
        # Fields that nobody here has seen are not written.
        assert verdict(play.ask("PUT", f"/{INDEX}/_doc/1", {"text": "bread"})) == "passed; no_weights_field"


@pytest.mark.cluster
def test_who_may_not_see_mappings_is_judged_by_the_fields_that_searches_see(opensearch: str) -> None:
    client, name = connect(opensearch), f"test-{uuid4().hex}"
    client.indices.create(index=name, body={"mappings": mapping()})
    client.indices.create(index=f"{name}-bare", body={"mappings": {"properties": {"text": {"type": "text"}}}})

    def closed(asked: Asked) -> Said | None:
        if "/_resolve" in asked.target or "/_mapping" in asked.target:
            return Said({"error": "no"}, 403)
        if "/_field_caps" in asked.target:
            # What a real cluster says of indexes with and without the fields.
            indexes = {
                "articles": name,
                "articles-bare": f"{name}-bare",
                "articles,articles-bare": f"{name},{name}-bare",
            }
            path, _, query = asked.target.partition("?")
            port = int(opensearch.rpartition(":")[2])
            path = f"/{indexes[path.split('/')[1]]}/_field_caps?{query}"
            return Said(ask(port, request("GET", path, None, {"connection": "close"})).body)
        return None

    try:
        with playing(closed) as play:
            names = ("articles", "articles-bare", "articles,articles-bare")
            said = [verdict(play.ask("POST", f"/{each}/_search", match("bread"))) for each in names]
            assert said == ["rewritten", "passed; no_weights_field", "passed; no_weights_field"]
            assert verdict(play.ask("PUT", "/articles/_doc/1", {"text": "bread"})) == "rewritten"
    finally:
        client.indices.delete(index=f"{name},{name}-bare")


@pytest.mark.parametrize("part", ["/_resolve/", "/_mapping"])
def test_for_whom_the_cluster_does_not_know_nothing_is_encoded(part: str) -> None:
    def strict(asked: Asked) -> Said | None:
        return Said({"error": "who?"}, 401) if part in asked.target or "_search" in asked.target else None

    with playing(strict) as play:
        answer = play.search()
        assert (answer.status, verdict(answer)) == (401, "passed; not_authenticated")
        assert play.ask("POST", f"/_csplade/compare/{INDEX}", match("bread")).status == 401
        assert not any(asked.by_weights for asked in play.cluster.asked)
        assert play.gateway.counts()["encoding_seconds_count"] == 0


def slow(asked: Asked) -> Said | None:
    if "/_resolve/" in asked.target:
        body = {"indices": [{"name": INDEX}], "aliases": [], "data_streams": []}
        return Said(body, seconds=SLOW_SECONDS)
    return None


def test_a_cluster_that_does_not_say_in_time_which_indexes_are_meant_gets_the_search_as_it_is() -> None:
    with playing(slow, lookup_deadline_ms=200) as play:
        answers = [play.search(), play.search()]
        assert [verdict(answer) for answer in answers] == ["passed; lookup_slow"] * 2
        assert [ids(answer) for answer in answers] == [["bm25"]] * 2
        assert len(play.cluster.of("/_resolve/")) == 1
        assert play.gateway.counts()['rewriting_total{outcome="passed",reason="lookup_slow"}'] == 2


@pytest.mark.parametrize("kind", ["_msearch", "_bulk"])
def test_several_indexes_of_one_request_do_not_wait_one_after_the_other(kind: str) -> None:
    with playing(slow, lookup_deadline_ms=500) as play:
        answer = play.ask("POST", f"/{kind}", of_indexes(kind, 20), content_type="application/x-ndjson")
        assert verdict(answer) == "passed; lookup_slow"
        # Eight at once, and the others not at all.
        assert len(play.cluster.of("/_resolve/")) == 8


@pytest.mark.parametrize("kind", ["_msearch", "_bulk"])
def test_many_indexes_of_which_each_is_just_in_time_share_one_deadline(kind: str) -> None:
    def nearly(asked: Asked) -> Said | None:
        told = slow(asked)
        return None if told is None else replace(told, seconds=0.4)

    with playing(nearly, lookup_deadline_ms=1000) as play:
        answer = play.ask("POST", f"/{kind}", of_indexes(kind, 60), content_type="application/x-ndjson")
        assert answer.status == 200
        assert len(play.cluster.of("/_resolve/")) <= 24
        assert verdict(answer) != "rewritten; 60 of 60"


def of_indexes(kind: str, count: int) -> bytes:
    """Return searches of so many indexes, or documents for them."""
    names = [f"articles-{number}" for number in range(count)]
    if kind == "_bulk":
        return lines(*(each for name in names for each in ({"index": {"_index": name}}, {"text": "bread"})))
    return lines(*(each for name in names for each in ({"index": name}, match("bread"))))


def test_who_asks_the_same_at_once_waits_for_one_question() -> None:
    with playing(slow, lookup_deadline_ms=60_000) as play, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: play.search(), range(8)))
        assert {verdict(answer) for answer in answers} == {"rewritten"}
        assert len(play.cluster.of("/_resolve/")) == 1
        assert len(play.cluster.of("/_mapping")) == 1


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    def by_user(asked: Asked) -> Said | None:
        if "/_resolve/" in asked.target and asked.headers.get("x-forwarded-user") == "ben":
            return Said({"indices": [{"name": "secret"}], "aliases": [], "data_streams": []})
        return None

    with playing(by_user, harmless_headers=["X-Number"]) as running:
        yield running


def test_what_one_caller_may_see_is_not_told_another_whatever_header_tells_them_apart(play: Play) -> None:
    assert verdict(play.search(x_forwarded_user="ada")) == "rewritten"
    assert verdict(play.search(x_forwarded_user="ben")) == "passed; no_rules"
    assert verdict(play.search(x_forwarded_user="ada")) == "rewritten"


def test_headers_without_rights_do_not_make_it_ask_again(play: Play) -> None:
    play.cluster.asked.clear()
    for number in range(4):
        play.search(user_agent=f"a/{number}", x_opaque_id=f"{number}", x_number=f"{number}", x_who="carl")
    assert len(play.cluster.of("/_resolve/")) == 1


def test_what_is_written_is_known_by_its_caller_too(play: Play) -> None:
    for user, said in (("dora", "rewritten"), ("ben", "passed; no_rules")):
        answer = play.ask("PUT", f"/{INDEX}/_doc/1", {"text": "bread"}, x_forwarded_user=user)
        assert verdict(answer) == said
    stored = play.cluster.of("/_doc/1")
    assert ["csplade_terms" in orjson.loads(asked.body) for asked in stored] == [True, False]


def test_names_and_values_do_not_run_into_each_other() -> None:
    one, other = [(b"x-a", b"bc")], [(b"x-ab", b"c")]
    assert caller_key(one, (), "a") != caller_key(other, (), "a")
    assert caller_key(one, (), "ab", "c") != caller_key(one, (), "a", "bc")
    assert caller_key([*one, *other], (), "a") == caller_key([*other, *one], (), "a")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("harmless_headers", "x-number"),
        ("harmless_headers", [""]),
        ("lookup_deadline_ms", 0),
        ("longest_query", 0),
    ],
)
def test_settings_of_another_kind_are_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        read_rules({"index": [rules("articles")], "gateway": {name: value}}, "rules")
