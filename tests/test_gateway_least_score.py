"""A lowest score, of a search, of a clause, or in the parameters: what each policy makes of it on a real server."""

from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import pytest
from csplade.integration.client import connect
from csplade.tests.gateway_process import Answer, Gateway, ask
from csplade.tests.gateway_searches import UNHURRIED, Json, request, rules, verdict
from csplade.tests.gateway_words import rewriting
from csplade.tests.rewrite_index import fill_index, stored_weights
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

POLICIES = ("keep", "drop", "pass", "refuse")
COUNT = 120
MATCH: Json = {"match": {"text": "fresh bread"}}
LEAST = 45.0
"""Of a sum of letters times letters, and above all that BM25 gives."""
TIMES: Json = {"source": "_score * 2"}


@dataclass
class Served:
    """One index with an alias for each policy, and the gateway in front."""

    client: OpenSearch
    gateway: Gateway
    index: str

    def ask(self, policy: str, path: str, body: object = None) -> Answer:
        raw = request("POST", f"/{self.index}-{policy}/{path}", body, {})
        return ask(self.gateway.port, raw, "POST")

    def found(self, policy: str, body: Json) -> tuple[str | None, dict[str, float]]:
        """Return the verdict, and the scores by id."""
        answer = self.ask(policy, "_search", {**body, "size": 1000})
        hits = orjson.loads(answer.body)["hits"]["hits"]
        return verdict(answer), {hit["_id"]: hit["_score"] for hit in hits}

    def own(self, body: Json) -> dict[str, float]:
        """Return what the cluster finds itself."""
        hits = self.client.search(index=self.index, body={**body, "size": 1000})["hits"]["hits"]
        return {hit["_id"]: hit["_score"] for hit in hits}


@pytest.fixture(scope="module")
def served(opensearch: str) -> Iterator[Served]:
    client, index = connect(opensearch), "test-least-score"
    fill_index(client, index, COUNT)
    for mode in ("", "anchored-"):
        for policy in POLICIES:
            client.indices.put_alias(index=index, name=f"{index}-{mode}{policy}")
    own = [
        rules(f"{index}-{prefix}{policy}", mode=mode, policy={"min_score": policy, "score_script": "keep"})
        for prefix, mode in (("", "replace"), ("anchored-", "anchored"))
        for policy in POLICIES
    ]
    try:
        with rewriting(opensearch, {"index": own, "gateway": UNHURRIED}) as gateway:
            yield Served(client, gateway, index)
    finally:
        client.indices.delete(index=index)


def by_weights(least: float = 0.0, times: float = 1.0) -> dict[str, float]:
    """Return the dot products that are at least so large; stored weights are exact here."""
    scores = {
        name: times * 5.0 * (found.get("fresh", 0) + found.get("bread", 0))
        for name, found in stored_weights(COUNT).items()
    }
    return {name: score for name, score in scores.items() if score > 0 and score >= least}


def test_these_scores_tell_the_policies_apart(served: Served) -> None:
    assert 5 < len(by_weights(LEAST)) < len(by_weights()) - 5
    assert 0 < max(served.own({"query": MATCH}).values()) < LEAST


@pytest.mark.parametrize(
    ("body", "times"),
    [
        ({"query": MATCH, "min_score": LEAST}, 1.0),
        ({"query": {"function_score": {"query": MATCH, "weight": 1, "min_score": LEAST}}}, 1.0),
        ({"query": {"script_score": {"query": MATCH, "script": TIMES, "min_score": LEAST}}}, 2.0),
        ({"query": {"bool": {"must": [{"script_score": {"query": MATCH, "script": TIMES, "min_score": LEAST}}]}}}, 2.0),
    ],
)
def test_each_policy_of_a_lowest_score(served: Served, body: Json, times: float) -> None:
    assert served.found("keep", body) == ("rewritten", by_weights(LEAST, times))
    assert served.found("drop", body) == ("rewritten", by_weights(times=times))
    assert served.found("pass", body) == ("passed; not_understood", served.own(body))
    refused = served.ask("refuse", "_search", body)
    assert (refused.status, orjson.loads(refused.body)["error"]["type"]) == (400, "csplade_forbidden")


def test_below_a_script_that_scores_by_itself_nothing_is_rewritten(served: Served) -> None:
    year: Json = {"source": "doc['year'].value"}
    body: Json = {"query": {"script_score": {"query": MATCH, "script": year, "min_score": 2005}}}
    found = served.own(body)
    assert 0 < len(found) < len(served.own({"query": MATCH}))
    for policy in POLICIES:
        assert served.found(policy, body) == ("passed; nothing_to_rewrite", found)


def test_a_lowest_score_in_the_parameters_of_a_count_has_the_same_policies(served: Served) -> None:
    def counted(policy: str) -> tuple[str | None, int]:
        answer = served.ask(policy, f"_count?min_score={LEAST}", {"query": MATCH})
        return verdict(answer), orjson.loads(answer.body)["count"]

    assert counted("keep") == ("rewritten", len(by_weights(LEAST)))
    assert counted("drop") == ("rewritten", len(by_weights()))
    assert counted("pass") == ("passed; not_understood", 0)
    assert served.ask("refuse", f"_count?min_score={LEAST}", {"query": MATCH}).status == 400
    # Nobody here knows how a cluster reads it.
    answer = served.ask("drop", "_count?min_score=NaN", {"query": MATCH})
    assert verdict(answer) == "passed; not_read"


@pytest.mark.parametrize("policy", POLICIES)
def test_a_lowest_score_of_0_leaves_nothing_out(served: Served, policy: str) -> None:
    for zero in (0, 0.0, "0"):
        assert served.found(policy, {"query": MATCH, "min_score": zero}) == ("rewritten", by_weights())
        assert (
            served.found(policy, {"query": {"function_score": {"query": MATCH, "min_score": zero}}})[0] == "rewritten"
        )
    answer = served.ask(policy, "_count?min_score=0", {"query": MATCH})
    assert (verdict(answer), orjson.loads(answer.body)["count"]) == ("rewritten", len(by_weights()))


@pytest.mark.parametrize("policy", POLICIES)
def test_searches_take_no_lowest_score_in_their_parameters(served: Served, policy: str) -> None:
    answer = served.ask(policy, "_search?min_score=1", {"query": MATCH})
    assert answer.status == 400
    assert b"unrecognized parameter: [min_score]" in answer.body


@pytest.mark.parametrize("policy", ["keep", "drop"])
def test_a_count_is_that_of_the_search_with_hits(served: Served, policy: str) -> None:
    clause = {"function_score": {"query": MATCH, "weight": 1, "min_score": LEAST}}
    bodies: list[Json] = [{"query": MATCH, "min_score": LEAST}, {"query": clause}]
    for body in bodies:
        for name in (policy, f"anchored-{policy}"):
            said, found = served.found(name, body)
            answer = served.ask(name, "_search", {**body, "size": 0, "track_total_hits": True})
            assert said == verdict(answer) == "rewritten"
            assert orjson.loads(answer.body)["hits"]["total"]["value"] == len(found) > 0
    answer = served.ask(f"anchored-{policy}", f"_count?min_score={LEAST}", {"query": MATCH})
    assert orjson.loads(answer.body)["count"] == len(served.found(f"anchored-{policy}", bodies[0])[1])
