"""Searches that the rules forbid never run: alone they are refused, among others each has its error in its place."""

from collections.abc import Iterator

import orjson
import pytest
from csplade.tests.gateway_process import Answer
from csplade.tests.gateway_searches import Json, Stage, odd_mapping, stage, verdict
from csplade.tests.gateway_words import BROKEN, SLOW

pytestmark = pytest.mark.cluster

FORBIDDEN: Json = {"query": {"match_phrase": {"text": "fresh bread"}}}
"""What `PHRASES_ARE_REFUSED` forbids."""
PHRASES_ARE_REFUSED: Json = {"policy": {"phrase": "refuse"}}


@pytest.fixture(scope="module")
def strict(opensearch: str) -> Iterator[Stage]:
    with stage(opensearch, "replace", more=PHRASES_ARE_REFUSED, gateway={"deadline_ms": 2000}) as running:
        yield running


def match(text: str) -> Json:
    return {"query": {"match": {"text": text}}, "size": 20}


def ask_several(staged: Stage, bodies: list[Json], direct: bool = False, params: str = "", **headers: str) -> Answer:
    lines = b"".join(orjson.dumps(line) + b"\n" for body in bodies for line in ({}, body))
    path = f"/{staged.index('replace')}/_msearch{params}"
    return staged.ask("POST", path, lines, direct, **{"content_type": "application/x-ndjson", **headers})


def responses(answer: Answer) -> list[Json]:
    assert answer.status == 200, answer.body
    found: list[Json] = orjson.loads(answer.body)["responses"]
    return [{name: value for name, value in one.items() if name != "took"} for one in found]


def is_refused(response: Json) -> bool:
    return (response["status"], response.get("error", {}).get("type")) == (400, "csplade_forbidden")


def test_of_several_searches_those_that_the_rules_forbid_have_an_error_and_the_others_an_answer(strict: Stage) -> None:
    allowed, other = match("fresh bread"), {"query": {"term": {"lang": "en"}}, "size": 3}
    answer = ask_several(strict, [FORBIDDEN, allowed, FORBIDDEN, other, FORBIDDEN])
    assert verdict(answer) == "rewritten; 1 of 5"
    found = responses(answer)
    assert [is_refused(each) for each in found] == [True, False, True, False, True]
    assert b"fresh bread" not in orjson.dumps(found[0])
    assert [found[1], found[3]] == responses(ask_several(strict, [allowed, other]))
    assert found[1] != responses(ask_several(strict, [allowed], direct=True))[0]


@pytest.mark.parametrize(("word", "said"), [(BROKEN, "encoder_broken"), (SLOW, "encoder_slow")])
def test_what_is_forbidden_among_several_searches_never_runs_whatever_the_encoder_does(
    strict: Stage, word: str, said: str
) -> None:
    troubled = match(f"fresh bread {word} beside")
    answer = ask_several(strict, [troubled, FORBIDDEN])
    assert verdict(answer) == f"failed-open; {said}"
    own, refusal = responses(answer)
    assert is_refused(refusal)
    assert [own] == responses(ask_several(strict, [troubled], direct=True))


def test_what_is_forbidden_among_searches_of_which_none_is_rewritten_never_runs(strict: Stage) -> None:
    other: Json = {"query": {"term": {"lang": "en"}}, "size": 3}
    answer = ask_several(strict, [FORBIDDEN, other], accept_encoding="gzip")
    assert (verdict(answer), answer.header("content-encoding")) == ("passed; nothing_to_rewrite", None)
    refusal, own = responses(answer)
    assert is_refused(refusal)
    assert [own] == responses(ask_several(strict, [other], direct=True))


def test_what_is_forbidden_never_runs_where_the_cluster_refuses_a_rewritten_search(strict: Stage) -> None:
    bad = f"{strict.name}-replace-odd"
    strict.direct.indices.create(index=bad, body={"mappings": odd_mapping()})
    lines = b"".join(
        orjson.dumps(line) + b"\n" for body in (match("fresh bread"), FORBIDDEN) for line in ({"index": bad}, body)
    )
    answer = strict.ask("POST", "/_msearch", lines, content_type="application/x-ndjson")
    assert verdict(answer) == "failed-open; cluster_refused"
    own, refusal = responses(answer)
    assert (own["status"], is_refused(refusal)) == (200, True)


@pytest.mark.parametrize(
    ("bodies", "params"),
    [
        ([FORBIDDEN, FORBIDDEN], ""),
        # Nobody would find the places in such an answer.
        ([match("fresh bread"), FORBIDDEN], "?filter_path=took"),
    ],
)
def test_several_searches_are_refused_together_if_none_may_run_or_none_could_be_told_apart(
    strict: Stage, bodies: list[Json], params: str
) -> None:
    answer = ask_several(strict, bodies, params=params)
    assert (answer.status, answer.refused) == (400, "forbidden")


def test_a_whole_request_that_the_cluster_refuses_is_told_as_it_says_it(strict: Stage) -> None:
    bodies: list[Json] = [{"query": {"nonsense": {}}}, FORBIDDEN]
    answer, direct = (ask_several(strict, some, way) for some, way in ((bodies, False), (bodies[:1], True)))
    assert (answer.status, verdict(answer)) == (direct.status, "passed; not_understood")
    assert answer.body == direct.body


def test_a_search_that_the_rules_forbid_is_refused(opensearch: str) -> None:
    with stage(opensearch, "replace", more=PHRASES_ARE_REFUSED) as staged:
        answer = staged.ask(
            "POST", f"/{staged.index('replace')}/_search", {"query": {"match_phrase": {"text": "fresh bread"}}}
        )
        assert (answer.status, answer.refused) == (400, "forbidden")
        assert b"phrase: refuse" in answer.body
        assert b"fresh bread" not in answer.body


@pytest.mark.parametrize("word", [BROKEN, SLOW])
def test_a_search_that_the_rules_forbid_is_refused_whatever_the_encoder_does(opensearch: str, word: str) -> None:
    more, gateway = {"policy": {"operator_and": "refuse"}}, {"deadline_ms": 2000}
    with stage(opensearch, "replace", more=more, gateway=gateway) as staged:
        path = f"/{staged.index('replace')}/_search"
        asked = {"query": f"fresh {word} bread", "operator": "and"}
        answer = staged.ask("POST", path, {"query": {"match": {"text": asked}}})
        assert (answer.status, answer.refused) == (400, "forbidden")
        assert word.encode() not in answer.body
        # The same words without what is forbidden fail open, as ever.
        allowed = staged.ask("POST", path, {"query": {"match": {"text": f"stale {word} bread"}}})
        assert (allowed.status, (verdict(allowed) or "")[:11]) == (200, "failed-open")
