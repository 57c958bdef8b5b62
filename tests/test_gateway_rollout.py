"""Whose searches are rewritten, and what is tried beside the others."""

import time
from collections.abc import Iterator

import pytest
from csplade.integration.gateway_rules import Rollout, Turn, Writes, read_rules
from csplade.integration.gateway_shadow import compare
from csplade.pipelines.errors import UsageError
from csplade.tests.gateway_searches import Json, Stage, hits, rules, stage, verdict

BODY: Json = {"query": {"match": {"text": "fresh salted bread"}}, "size": 20}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_about_so_many_callers_get_it_and_each_always_the_same(share: float) -> None:
    rollout = Rollout(share=share, sticky_header="x-user")
    turns = {user: rollout.turn([(b"x-user", user.encode())], "1.1.1.1") for user in map(str, range(2000))}
    assert sum(turn is Turn.ON for turn in turns.values()) / 2000 == pytest.approx(share, abs=0.03)
    for user, turn in turns.items():
        assert rollout.turn([(b"x-other", b"1"), (b"x-user", user.encode())], "2.2.2.2") is turn


def test_who_got_it_keeps_it_when_the_share_grows() -> None:
    users = [[(b"x-user", user.encode())] for user in map(str, range(500))]
    few, more = (
        {each for each, user in enumerate(users) if Rollout(share, sticky_header="x-user").turn(user, "") is Turn.ON}
        for share in (0.2, 0.6)
    )
    assert few < more


def test_without_a_key_credentials_and_address_decide() -> None:
    rollout = Rollout(share=0.5)
    turns = [[rollout.turn([(b"authorization", b"Basic a")], f"10.0.0.{n}") for _ in range(3)] for n in range(200)]
    assert all(len(set(each)) == 1 for each in turns)
    assert {each[0] for each in turns} == {Turn.ON, Turn.OFF}


def test_a_header_may_ask_for_a_turn_if_the_configuration_names_it() -> None:
    asked = [(b"x-turn", b"on")]
    assert Rollout(share=0.0, header="x-turn").turn(asked, "") is Turn.ON
    assert Rollout(share=0.0).turn(asked, "") is Turn.OFF
    assert Rollout(share=0.0, header="x-turn").turn([(b"x-turn", b"perhaps")], "") is Turn.OFF
    assert Rollout(share=0.0, shadow=True).turn(asked, "") is Turn.SHADOW


def test_the_configuration_of_a_gateway() -> None:
    table: Json = {"rollout": 0.25, "sticky_header": "X-User", "rollout_header": "X-Turn", "shadow": True}
    more: Json = {"writes": "enrich", "deadline_ms": 50, "cached_vectors": 7}
    found = read_rules({"index": [rules("a*")], "gateway": table | more}, "x")
    assert found.rollout == Rollout(0.25, "x-user", "x-turn", shadow=True)
    assert (found.writes, found.deadline_seconds, found.cached_vectors) == (Writes.ENRICH, 0.05, 7)
    assert found.for_index("abc") is not None
    assert not found.empty
    assert read_rules({"index": [{"pattern": "a", "weights": []}]}, "x").empty


@pytest.mark.parametrize(
    ("table", "share"),
    [({}, 1.0), ({"shadow": False}, 1.0), ({"shadow": True}, 0.0), ({"shadow": True, "rollout": 0.5}, 0.5)],
)
def test_who_asks_for_shadows_alone_gets_no_search_rewritten(table: Json, share: float) -> None:
    rollout = read_rules({"index": [rules("a*")], "gateway": table}, "x").rollout
    assert rollout.share == share
    turns = {rollout.turn([], f"10.0.0.{n}") for n in range(200)}
    assert (turns == {Turn.SHADOW}) is (share == 0.0)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"rolout": 1}, "did you mean rollout?"),
        ({"rollout": 1.5}, "gateway.rollout is 1.5, it must be a number from 0 to 1"),
        ({"rollout": True}, "gateway.rollout is True"),
        ({"deadline_ms": 0}, "gateway.deadline_ms is 0"),
        ({"writes": "later"}, "one of sync, enrich"),
        ({"sticky_header": ""}, "the name of a header"),
        ([], "it must be a table"),
    ],
)
def test_what_the_configuration_may_not_hold(table: object, told: str) -> None:
    with pytest.raises(UsageError, match=told.replace("?", r"\?")):
        read_rules({"index": [rules("a")], "gateway": table}, "rules.toml")


def test_two_rankings_are_compared_by_rank() -> None:
    found = compare(["a", "b", "c", "d"], ["b", "a", "c", "x"])
    assert (found.hits, found.overlap) == ((4, 4), 3)
    assert found.moves == ((1, 2), (2, 1), (4, None))


@pytest.fixture(scope="module")
def staged(opensearch: str) -> Iterator[Stage]:
    gateway = {"rollout": 0.0, "rollout_header": "x-turn", "shadow": True, "deadline_ms": 5000}
    with stage(opensearch, "replace", gateway=gateway) as running:
        yield running


@pytest.mark.cluster
def test_a_caller_in_the_shadow_gets_bm25_and_the_log_gets_the_difference(staged: Stage) -> None:
    path = f"/{staged.index('replace')}/_search"
    answer = staged.ask("POST", path, BODY, x_opaque_id="shade", accept_encoding="gzip")
    assert verdict(answer) == "passed; shadow"
    before = hits(staged.ask("POST", path, BODY, direct=True))
    by_weights = staged.ask("POST", path, BODY, x_turn="on")
    assert verdict(by_weights) == "rewritten"
    line = shadow_of(staged, "shade")
    wanted = compare([identity for identity, _ in before[:10]], [identity for identity, _ in hits(by_weights)[:10]])
    assert (line["shadow"], line["hits"]) == ("compared", [*wanted.hits])
    assert (line["overlap"], line["moves"]) == (wanted.overlap, [[*move] for move in wanted.moves])
    assert line["moves"]
    assert b"salted" not in staged.gateway.errors.read_bytes()
    counts = staged.gateway.counts()
    assert counts['shadows_total{end="compared"}'] >= 1
    assert counts['shadow_hits_total{in="both"}'] >= wanted.overlap


def shadow_of(staged: Stage, opaque_id: str) -> dict[str, object]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for line in staged.gateway.log():
            if line["opaque_id"] == opaque_id and "shadow" in line:
                return line
        time.sleep(0.02)
    raise AssertionError("nothing ran in the shadow")


@pytest.mark.cluster
def test_a_caller_may_turn_it_off_and_nothing_runs_beside_several_searches(staged: Stage) -> None:
    path = f"/{staged.index('replace')}/_search"
    assert verdict(staged.ask("POST", path, BODY, x_turn="off")) == "passed; rollout"
    assert verdict(staged.ask("POST", f"{path}?scroll=1m", BODY)) == "passed; rollout"
