"""The page of comparisons and what it asks, through a real gateway in front of a real cluster; scores recomputed."""

from collections.abc import Iterator

import orjson
import pytest
from csplade.tests.gateway_process import Answer, ask, serving
from csplade.tests.gateway_searches import Json, Stage, hits, request, stage
from csplade.tests.word_encoder import word_vector

pytestmark = pytest.mark.cluster

TEXT = "fresh salted bread"
BODY = {"query": {"match": {"text": TEXT}}, "size": 5, "aggs": {"langs": {"terms": {"field": "lang"}}}}
FILES = ("", "playground.js", "results.js", "playground.css", "icon.svg")


@pytest.fixture(scope="module")
def staged(opensearch: str) -> Iterator[Stage]:
    with stage(opensearch, "replace", gateway={"deadline_ms": 10_000}) as running:
        yield running


def compare(staged: Stage, body: object = BODY, modes: str = "", mode: str = "replace") -> Json:
    answer = staged.ask("POST", f"/_csplade/compare/{staged.index(mode)}{modes and f'?modes={modes}'}", body)
    assert answer.status == 200, answer.body
    told: Json = orjson.loads(answer.body)
    return told


def refusal(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.refused


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_page_forbids_what_it_does_not_need(staged: Stage, name: str) -> None:
    answer = staged.ask("GET", f"/_csplade/{name}")
    assert answer.status == 200
    policy = answer.header("content-security-policy")
    assert policy is not None
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["frame-ancestors"] == directives["base-uri"] == directives["form-action"] == "'none'"
    assert {directives[name] for name in ("script-src", "style-src", "connect-src", "img-src")} == {"'self'"}
    assert answer.header("x-content-type-options") == "nosniff"
    # Nothing of the page may need what its policy forbids.
    assert b"http://" not in answer.body.replace(b"http://www.w3.org/2000/svg", b"")
    assert b"https://" not in answer.body
    assert b" style=" not in answer.body
    assert b"<script>" not in answer.body
    assert b"innerHTML" not in answer.body


def test_the_page_is_found_without_its_last_slash(staged: Stage) -> None:
    answer = staged.ask("GET", "/_csplade")
    assert (answer.status, answer.header("location")) == (307, "/_csplade/")


def test_only_indexes_with_rules_are_listed(staged: Stage) -> None:
    answer = staged.ask("GET", "/_csplade/indexes")
    found = orjson.loads(answer.body)
    mine = [index for index in found["indexes"] if index["name"].startswith(staged.name)]
    assert mine == [
        {"name": staged.index("replace"), "mode": "replace", "fields": ["title", "text", "summary", "note"]}
    ]
    assert found["encoder"] == "words"
    assert answer.header("cache-control") == "no-store"


def test_each_ranking_is_that_of_the_gateway_itself(staged: Stage) -> None:
    told = compare(staged)
    assert [ranking["mode"] for ranking in told["rankings"]] == ["bm25", "replace", "hybrid", "anchored"]
    by_mode = {ranking["mode"]: ranking for ranking in told["rankings"]}
    path = f"/{staged.index('replace')}/_search"
    for mode, direct in (("bm25", True), ("replace", False)):
        expected = hits(staged.ask("POST", path, BODY, direct=direct))
        assert [(hit["id"], hit["score"]) for hit in by_mode[mode]["hits"]] == expected
    assert by_mode["bm25"]["body"] == BODY
    assert by_mode["anchored"]["total"] == by_mode["bm25"]["total"] != by_mode["replace"]["total"]
    for ranking in told["rankings"]:
        answered = staged.ask("POST", path, ranking["body"], direct=True)
        assert [(hit["id"], hit["score"]) for hit in ranking["hits"]] == hits(answered)


def test_parts_add_up_to_scores_and_name_both_weights(staged: Stage) -> None:
    told = compare(staged, modes="replace,hybrid")
    assert dict(told["texts"][0]["terms"]) == dict(word_vector(TEXT))
    replaced, hybrid = told["rankings"]
    for ranking in (replaced, hybrid):
        for hit in ranking["hits"]:
            assert sum(part["value"] for part in hit["parts"]) == pytest.approx(hit["score"], rel=1e-4)
    assert {part["from"] for hit in hybrid["hits"] for part in hit["parts"]} == {"sparse", "bm25"}
    for hit in replaced["hits"]:
        weights = dict(hit["weights"])
        for part in hit["parts"]:
            assert part["query"] == pytest.approx(len(part["term"]))
            assert part["document"] == pytest.approx(weights[part["term"]], rel=0.004)
            assert part["value"] == pytest.approx(part["query"] * part["document"], rel=1e-4)


def test_the_decisions_and_times_are_told(staged: Stage) -> None:
    told = compare(staged, modes="bm25,anchored")
    bm25, anchored = told["rankings"]
    assert bm25["decisions"] == []
    (decision,) = anchored["decisions"]
    assert (decision["path"], decision["outcome"]) == ("$.query", "rewritten")
    assert told["deadline_ms"] == 10_000
    assert all(ranking["ms"] >= ranking["took"] >= 0 for ranking in told["rankings"])
    assert anchored["rewriting_ms"] > bm25["rewriting_ms"] == 0


def test_what_the_cluster_does_not_run_is_told_in_its_words(staged: Stage) -> None:
    (ranking,) = compare(staged, {"query": {"nonsense": {}}}, modes="bm25")["rankings"]
    assert ranking["error"].startswith("the cluster answers 400: unknown query [nonsense]")
    assert "hits" not in ranking


def test_an_index_without_rules_has_bm25_alone(staged: Stage) -> None:
    told = compare(staged, mode="other", modes="replace")
    assert told["note"] == "the gateway passes searches of this index as they are (no_rules)"
    assert [ranking["mode"] for ranking in told["rankings"]] == ["bm25"]
    assert len(told["rankings"][0]["hits"]) == 5


@pytest.mark.parametrize(
    ("text", "note"), [("a brokenword", "the encoder is broken"), ("a slowword", None)], ids=["broken", "slow"]
)
def test_trouble_of_the_encoder_leaves_bm25(staged: Stage, text: str, note: str | None) -> None:
    told = compare(staged, {"query": {"match": {"text": text}}})
    if note is None:
        assert told["note"] is None
        assert told["texts"][0]["ms"] > 900
    else:
        assert told["note"].startswith(note)
        assert [ranking["mode"] for ranking in told["rankings"]] == ["bm25"]


REFUSED = {
    "no JSON": ("POST", "x", b"{", {}, 400),
    "a list": ("POST", "x", b"[]", {}, 400),
    "a form of another page": ("POST", "x", b"{}", {"content_type": "text/plain"}, 415),
    "no kind": ("POST", "x", None, {}, 415),
    "an unknown mode": ("POST", "x?modes=bm26", b"{}", {}, 400),
    "another API": ("POST", "_scripts", b"{}", {}, 400),
    "a path": ("POST", "x/_doc", b"{}", {}, 400),
    "a hidden path": ("POST", "x%2F..%2F_all", b"{}", {}, 200),
    "no index": ("POST", "", b"{}", {}, 400),
    "another method": ("GET", "x", None, {}, 405),
    "too much": ("POST", "x", b'{"a":"' + b"a" * 2**18 + b'"}', {}, 413),
}


@pytest.mark.parametrize(("method", "path", "body", "headers", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_search_to_compare_is_refused(
    staged: Stage, method: str, path: str, body: bytes | None, headers: dict[str, str], status: int
) -> None:
    answer = ask(staged.gateway.port, request(method, f"/_csplade/compare/{path}", body, headers), method)
    assert answer.status == status, answer.body
    if status == 200:
        # The slashes stay inside the index's name, which the cluster does not take.
        assert all("error" in ranking for ranking in orjson.loads(answer.body)["rankings"])
    else:
        assert answer.refused is not None


def test_a_gateway_that_rewrites_nothing_says_so(opensearch: str) -> None:
    with serving(opensearch) as plain:
        assert ask(plain.port, request("GET", "/_csplade/", None, {})).status == 200
        answer = ask(plain.port, request("GET", "/_csplade/indexes", None, {}))
    assert refusal(answer) == (404, "no_such_page")
    assert b"--config" in answer.body
