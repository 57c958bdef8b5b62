"""Searches through a gateway that rewrites: however they are asked, they become what the rewriter makes of them."""

import gzip
from collections.abc import Iterator
from urllib.parse import quote

import orjson
import pytest
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import RewriteMode, RewriteOptions
from csplade.tests.gateway_process import ask
from csplade.tests.gateway_searches import UNHURRIED, Json, Stage, hits, rules, stage, verdict
from csplade.tests.gateway_words import rewriting
from csplade.tests.rewrite_index import FIELD_MAP
from csplade.tests.word_encoder import word_vector

pytestmark = pytest.mark.cluster

TEXT = "fresh salted bread"
MATCH: Json = {"query": {"match": {"text": TEXT}}, "size": 20}
STRING: Json = {"query": {"query_string": {"query": TEXT, "default_field": "text"}}, "size": 20}


@pytest.fixture(scope="module")
def staged(opensearch: str) -> Iterator[Stage]:
    with stage(opensearch, "replace", "anchored") as running:
        yield running


def sent(body: Json, mode: str = "replace") -> Json:
    """Return what the rewriter makes of a body."""
    done = rewrite(body, FIELD_MAP, word_vector, RewriteOptions(RewriteMode(mode)))
    assert done.changes
    return dict(done.body)


def wanted(staged: Stage, body: Json, mode: str = "replace") -> list[tuple[str, float]]:
    """Return the hits of the rewritten body, asked of the cluster itself."""
    found = hits(staged.ask("POST", f"/{staged.index(mode)}/_search", sent(body, mode), direct=True))
    assert found
    assert found != hits(staged.ask("POST", f"/{staged.index(mode)}/_search", body, direct=True))
    return found


@pytest.mark.parametrize("mode", ["replace", "anchored"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_search_is_rewritten_by_the_rules_of_its_index(staged: Stage, method: str, mode: str) -> None:
    answer = staged.ask(method, f"/{staged.index(mode)}/_search", MATCH)
    assert verdict(answer) == "rewritten"
    assert hits(answer) == wanted(staged, MATCH, mode)


def test_all_but_scores_and_header_is_as_it_was(staged: Stage) -> None:
    answers = [staged.ask("POST", f"/{staged.index('anchored')}/_search", MATCH, direct) for direct in (True, False)]
    direct, through = (orjson.loads(answer.body) for answer in answers)
    assert through["hits"]["total"] == direct["hits"]["total"]
    assert [*through] == [*direct]
    assert [*through["hits"]["hits"][0]] == [*direct["hits"]["hits"][0]]
    headers = [{name for name, _ in answer.headers} for answer in answers]
    assert headers[1] - headers[0] == {"x-csplade"}
    assert int(answers[1].header("content-length") or 0) == len(answers[1].body)


@pytest.mark.parametrize(
    "query", ["q={q}&df=text", "df=text&q=fresh+salted%20bread&sort=_score", "q={q}&df=text&sort="]
)
def test_a_query_in_the_parameters_is_rewritten(staged: Stage, query: str) -> None:
    path = f"/{staged.index('replace')}/_search?size=20&{query.format(q=quote(TEXT))}"
    answer = staged.ask("GET", path)
    assert verdict(answer) == "rewritten"
    assert hits(answer) == wanted(staged, STRING)


def test_parameters_that_sort_or_count_decide_as_the_body_would(staged: Stage) -> None:
    index = staged.index("anchored")
    assert verdict(staged.ask("POST", f"/{index}/_search?sort=year:desc", MATCH)) == "passed; nothing_to_rewrite"
    assert verdict(staged.ask("POST", f"/{index}/_search?size=0", MATCH)) == "passed; nothing_to_rewrite"
    answer = staged.ask("POST", f"/{staged.index('replace')}/_search?size=3", MATCH)
    assert verdict(answer) == "rewritten"
    assert len(hits(answer)) == 3


def test_an_index_in_the_parameters_is_heeded_where_the_path_names_none(staged: Stage) -> None:
    named, other = staged.index("replace"), staged.index("other")
    answer = staged.ask("POST", f"/_search?index={named}", MATCH)
    assert verdict(answer) == "rewritten"
    assert hits(answer) == wanted(staged, MATCH)
    assert verdict(staged.ask("POST", f"/_search?index={other}", MATCH)) == "passed; no_rules"
    beside = [staged.ask("POST", f"/{other}/_search?index={named}", MATCH, direct) for direct in (True, False)]
    assert verdict(beside[1]) == "passed; no_rules"
    assert hits(beside[0]) == hits(beside[1])
    assert hits(beside[0]) == hits(staged.ask("POST", f"/{other}/_search", MATCH, direct=True))


def test_a_body_in_the_parameters_is_rewritten(staged: Stage) -> None:
    source = quote(orjson.dumps(MATCH))
    path = f"/{staged.index('replace')}/_search?source_content_type=application/json&source={source}"
    answer = staged.ask("GET", path)
    assert verdict(answer) == "rewritten"
    assert hits(answer) == wanted(staged, MATCH)


@pytest.mark.parametrize("kind", ["_search", "_count", "_validate/query", "_explain/d1"])
@pytest.mark.parametrize("query", [MATCH["query"], {"nonsense": {}}])
def test_a_query_in_the_parameters_and_one_in_the_body_are_left_to_the_cluster(
    staged: Stage, kind: str, query: Json
) -> None:
    path = f"/{staged.index('replace')}/{kind}?q=butter"
    direct, through = (staged.ask("POST", path, {"query": query}, way) for way in (True, False))
    assert (through.status, verdict(through)) == (direct.status, "passed; not_read")
    # How long it took is no part of it.
    assert through.body.partition(b"timed_out")[2] == direct.body.partition(b"timed_out")[2]


def test_compressed_bodies_and_bodies_in_chunks_are_rewritten(staged: Stage) -> None:
    path = f"/{staged.index('replace')}/_search"
    packed = gzip.compress(orjson.dumps(MATCH))
    answer = staged.ask("POST", path, packed, content_encoding="gzip", accept_encoding="gzip")
    assert (verdict(answer), answer.header("content-encoding")) == ("rewritten", "gzip")
    answer.body = gzip.decompress(answer.body)
    assert hits(answer) == wanted(staged, MATCH)
    body = orjson.dumps(MATCH)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:], b""))
    head = f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    assert hits(ask(staged.gateway.port, head.encode() + chunks)) == wanted(staged, MATCH)


def test_counts_are_those_of_the_rewritten_search(staged: Stage) -> None:
    body = {"query": MATCH["query"]}
    for mode, said in (("replace", "rewritten"), ("anchored", "passed; nothing_to_rewrite")):
        answer = staged.ask("POST", f"/{staged.index(mode)}/_count", body)
        searched = staged.ask("POST", f"/{staged.index(mode)}/_search", {**body, "track_total_hits": True})
        assert verdict(answer) == said
        assert orjson.loads(answer.body)["count"] == orjson.loads(searched.body)["hits"]["total"]["value"]


def test_a_query_is_validated_as_it_is_sent(staged: Stage) -> None:
    body = {"query": MATCH["query"]}
    answer = staged.ask("POST", f"/{staged.index('replace')}/_validate/query?explain=true", body)
    assert verdict(answer) == "rewritten"
    (found,) = orjson.loads(answer.body)["explanations"]
    assert found["valid"]
    assert "csplade_terms" in found["explanation"]


def test_a_hit_is_explained_by_its_new_score(staged: Stage) -> None:
    identity, score = wanted(staged, MATCH)[0]
    answer = staged.ask("POST", f"/{staged.index('replace')}/_explain/{identity}", {"query": MATCH["query"]})
    assert verdict(answer) == "rewritten"
    assert orjson.loads(answer.body)["explanation"]["value"] == pytest.approx(score)


def test_a_template_is_rewritten_for_its_parameters(staged: Stage) -> None:
    body = {"source": {"query": {"match": {"text": "{{q}}"}}, "size": 20}, "params": {"q": TEXT}}
    answer = staged.ask("POST", f"/{staged.index('replace')}/_search/template", body)
    assert verdict(answer) == "rewritten"
    assert hits(answer) == wanted(staged, MATCH)


def test_a_template_is_compiled_once_whatever_is_asked_for(staged: Stage) -> None:
    source = '{"query": {"match": {"text": "{{q}}"}}, "size": 1}'
    # A cluster compiles 75 new ones in five minutes, and refuses what comes then.
    for number in range(120):
        body = {"source": source, "params": {"q": f"fresh bread {number}"}}
        answer = staged.ask("POST", f"/{staged.index('replace')}/_search/template", body)
        assert answer.status == 200, answer.body
        assert verdict(answer) in ("rewritten", "failed-open; encoder_slow")


def test_each_of_several_searches_has_the_rules_of_its_own_index(staged: Stage) -> None:
    headers = [{"index": staged.index("replace")}, {}, {"index": [staged.index("other")]}, {"index": "no-such-index"}]
    lines = b"".join(orjson.dumps(line) + b"\n" for header in headers for line in (header, MATCH))
    answer = staged.ask("POST", f"/{staged.index('anchored')}/_msearch", lines, content_type="application/x-ndjson")
    assert verdict(answer) == "rewritten; 2 of 4"
    first, second, third, fourth = orjson.loads(answer.body)["responses"]
    found = [[(hit["_id"], hit["_score"]) for hit in one["hits"]["hits"]] for one in (first, second, third)]
    assert found[:2] == [wanted(staged, MATCH), wanted(staged, MATCH, "anchored")]
    assert found[2] == hits(staged.ask("POST", f"/{staged.index('other')}/_search", MATCH, direct=True))
    assert fourth["status"] == 404


def test_several_templates_are_rewritten(staged: Stage) -> None:
    template = {"source": {"query": {"match": {"text": "{{q}}"}}, "size": 20}, "params": {"q": TEXT}}
    lines = b"".join(orjson.dumps(line) + b"\n" for line in ({"index": staged.index("replace")}, template))
    answer = staged.ask("GET", "/_msearch/template", lines, content_type="application/x-ndjson")
    assert verdict(answer) == "rewritten; 1 of 1"
    (only,) = orjson.loads(answer.body)["responses"]
    assert [(hit["_id"], hit["_score"]) for hit in only["hits"]["hits"]] == wanted(staged, MATCH)


def test_all_pages_of_a_scroll_are_ranked_by_weights(staged: Stage) -> None:
    answer = staged.ask("POST", f"/{staged.index('replace')}/_search?scroll=1m", {**MATCH, "size": 7})
    assert verdict(answer) == "rewritten"
    found = hits(answer)
    while len(found) < 20:
        scroll = orjson.loads(answer.body)["_scroll_id"]
        answer = staged.ask("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": scroll})
        assert verdict(answer) is None
        found += hits(answer)
    assert found[:20] == wanted(staged, MATCH)


def test_a_search_in_a_point_in_time_has_the_rules_of_what_it_was_opened_for(staged: Stage) -> None:
    # Packed, as stock clients may want it.
    path = f"/{staged.index('replace')}/_search/point_in_time?keep_alive=1m"
    opened = staged.ask("POST", path, accept_encoding="gzip")
    pit = {"id": orjson.loads(gzip.decompress(opened.body))["pit_id"], "keep_alive": "1m"}
    answer = staged.ask("POST", "/_search", {**MATCH, "pit": pit})
    assert verdict(answer) == "rewritten"
    assert hits(answer) == wanted(staged, MATCH)
    elsewhere = staged.ask("POST", f"/{staged.index('replace')}/_search/point_in_time?keep_alive=1m", direct=True)
    pit = {"id": orjson.loads(elsewhere.body)["pit_id"]}
    assert verdict(staged.ask("POST", "/_search", {**MATCH, "pit": pit})) == "passed; unknown_pit"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("{replace}", "rewritten"),
        ("{name}-repl*", "rewritten"),
        ("{replace},{replace}", "rewritten"),
        ("{name}-live", "rewritten"),
        ("{name}-l*", "rewritten"),
        ("{replace},{anchored}", "passed; mixed_rules"),
        ("{name}-*", "passed; mixed_rules"),
        ("{name}-*,-{anchored},-{name}-other,-{name}-both", "rewritten"),
        ("{replace},{other}", "passed; mixed_rules"),
        ("{other}", "passed; no_rules"),
        ("{name}-both", "passed; mixed_rules"),
        ("elsewhere:{replace}", "passed; unresolved"),
        ("no-such-index-at-all", "passed; unresolved"),
    ],
)
def test_indexes_are_found_by_the_names_that_callers_use(staged: Stage, names: str, said: str) -> None:
    modes = {mode: staged.index(mode) for mode in ("replace", "anchored", "other")}
    staged.direct.indices.put_alias(index=modes["replace"], name=f"{staged.name}-live")
    staged.direct.indices.put_alias(index=f"{modes['replace']},{modes['other']}", name=f"{staged.name}-both")
    answer = staged.ask("POST", f"/{names.format(name=staged.name, **modes)}/_search", MATCH)
    assert verdict(answer) == said


def test_a_search_of_everything_passes_where_not_all_have_rules(staged: Stage) -> None:
    for path in ("/_search", "/_all/_search", "/*/_search"):
        answer = staged.ask("POST", path, MATCH)
        assert verdict(answer) == "passed; mixed_rules"
        assert (
            answer.body.partition(b"timed_out")[2]
            == (staged.ask("POST", path, MATCH, direct=True).body.partition(b"timed_out")[2])
        )


def test_an_alias_without_rules_of_its_index_may_have_its_own(opensearch: str, staged: Stage) -> None:
    alias = f"{staged.name}-named"
    staged.direct.indices.put_alias(index=staged.index("other"), name=alias)
    with rewriting(opensearch, {"index": [rules(alias)], "gateway": UNHURRIED}) as gateway:
        raw = orjson.dumps(MATCH)
        head = f"POST /{alias}/_search HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
        answer = ask(gateway.port, head.encode() + b"content-length: %d\r\n\r\n" % len(raw) + raw)
        assert verdict(answer) == "rewritten"


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": {"match": {"text": "bread"}}, "size": 1, "size": 2}',
        b'{"query": {"match": {"text": "bread"}}} {}',
        b'{"query": {"range": {"year": {"gte": NaN}}}}',
        b'// said\n{"query": {"match": {"text": "bread"}}}',
        b"[]",
        b'{"query": ',
    ],
)
def test_what_is_no_plain_json_is_the_cluster_s_to_judge(staged: Stage, body: bytes) -> None:
    path = f"/{staged.index('replace')}/_search"
    answer, direct = (staged.ask("POST", path, body, direct) for direct in (False, True))
    assert verdict(answer) == "passed; not_read"
    assert answer.status == direct.status


def test_signed_requests_pass_as_they_are(staged: Stage) -> None:
    answer = staged.ask(
        "POST", f"/{staged.index('replace')}/_search", MATCH, authorization="AWS4-HMAC-SHA256 Credential=x"
    )
    assert verdict(answer) == "passed; signed"


def test_what_is_no_search_is_not_judged(staged: Stage) -> None:
    for path in ("/", f"/{staged.index('replace')}", f"/{staged.index('replace')}/_doc/d1", "/_cat/indices"):
        assert verdict(staged.ask("GET", path)) is None


def test_verdicts_are_counted_and_logged_without_texts(staged: Stage) -> None:
    before = staged.gateway.counts().get('rewriting_total{outcome="rewritten",reason=""}', 0)
    staged.ask("POST", f"/{staged.index('replace')}/_search", MATCH, x_opaque_id="told")
    assert staged.gateway.counts()['rewriting_total{outcome="rewritten",reason=""}'] == before + 1
    assert staged.gateway.logged("told")["verdict"] == "rewritten"
    assert TEXT.encode() not in staged.gateway.errors.read_bytes()
