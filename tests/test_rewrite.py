"""Search bodies become bodies scored by term weights: the rows of the conformance table, and what no row can show."""

import copy
import dataclasses
from dataclasses import replace
from typing import Any

import pytest
from csplade.integration.dialect import PLAIN, dialect_for
from csplade.integration.field_map import OWN_INDEX, FieldMap
from csplade.integration.planner import PlanOptions
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_config import read_config
from csplade.integration.rewrite_policy import Option, Policies, Policy, RewriteMode, RewriteOptions, ScorePolicy
from csplade.integration.rewrite_report import Outcome, Rewritten
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.sparse import SparseVector
from csplade.tests.rewrite_case import EN, Case, Json, Q, anchored, beside, filled, match, multi, weights
from csplade.tests.rewrite_cases import CASES
from csplade.tests.rewrite_index import FIELD_MAP, terms
from csplade.tests.word_encoder import word_vector

_WEIGHTS = [{"field": "csplade_terms", "covers": ["text"]}]


def options_of(case: Case) -> RewriteOptions:
    """Return the case's options, read as from a file."""
    raw = {"index": [{"pattern": "*", "mode": case.mode, "weights": _WEIGHTS, "policy": case.policy}]}
    return read_config(raw, "cases").rules[0].options


def done(case: Case) -> Rewritten:
    return rewrite(case.body, FIELD_MAP, word_vector, options_of(case))


each_case = pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.group}: {case.about}, {case.decided or case.outcome}"
)


@each_case
def test_what_is_sent(case: Case) -> None:
    result = done(case)
    assert result.body == case.expected
    assert bool(result.changes) == (case.body != case.expected)


@each_case
def test_what_decided(case: Case) -> None:
    result = done(case)
    decisions = {(decision.outcome, decision.policy) for decision in result.decisions}
    assert (case.outcome, case.decided) in decisions or (not decisions and case.outcome is Outcome.KEPT)
    assert (case.outcome is Outcome.PASSED) == bool(result.passed)
    assert (case.outcome is Outcome.REFUSED) == bool(result.refused)


@each_case
def test_the_original_is_as_it_was(case: Case) -> None:
    body = copy.deepcopy(case.body)
    result = rewrite(body, FIELD_MAP, word_vector, options_of(case))
    assert body == case.body
    if not result.changes:
        assert result.body is body


def test_every_option_and_policy_is_in_the_table() -> None:
    shown = {case.decided for case in CASES}
    # What stays is not what decides.
    shown |= {f"{name}: {policy}" for case in CASES for name, policy in case.policy.items() if policy == "keep"}
    every = {f"{option}: {policy}" for option in Option for policy in Policy}
    every |= {f"{name}: {policy}" for name in ("min_score", "score_script") for policy in ScorePolicy}
    # A script cannot be left out.
    assert every - shown == {"score_script: drop"}
    assert {f"{entry.name}: {entry.default}" for entry in dataclasses.fields(Policies)} <= shown


@pytest.mark.parametrize(
    ("server", "clause"),
    [
        (("opensearch", "3.8.0"), terms(Q)),
        (("elasticsearch", "7.17.0"), terms(Q)),
        (
            ("elasticsearch", "9.2.0"),
            {"sparse_vector": {"field": "csplade_terms", "query_vector": word_vector(Q).weights, "prune": False}},
        ),
        (
            ("opensearch", "3.8.0", ("opensearch-neural-search",)),
            {"neural_sparse": {"csplade_terms": {"query_tokens": word_vector(Q).weights}}},
        ),
    ],
)
def test_the_clause_is_that_of_the_cluster(server: tuple[Any, ...], clause: Json) -> None:
    options = RewriteOptions(dialect=dialect_for(*server))
    assert rewrite({"query": match()}, FIELD_MAP, word_vector, options).body == {"query": clause}
    sent = rewrite({"query": match(_name="q")}, FIELD_MAP, word_vector, options).body["query"]["bool"]
    assert sent.pop("_name") == "q"
    assert sent in ({"must": [clause]}, clause.get("bool"))


def test_where_each_clause_stands_is_told() -> None:
    query = {"bool": {"must": [match(), match(Q, "author")], "filter": [match()], "should": {"odd": {}}}}
    body = {"query": query, "post_filter": match(), "rescore": {"query": {"rescore_query": match()}}}
    found = rewrite(body, FIELD_MAP, word_vector, RewriteOptions()).decisions
    assert [(each.path, each.clause, each.outcome.value) for each in found] == [
        ("$.query.bool.must[0]", "match", "rewritten"),
        ("$.query.bool.must[1]", "match", "kept"),
        ("$.query.bool.should", "odd", "passed"),
        ("$.query.bool.filter[0]", "match", "kept"),
        ("$.rescore.query.rescore_query", "match", "rewritten"),
        ("$.post_filter", "match", "kept"),
    ]


def test_the_weight_of_bm25_is_that_of_the_original_that_stays() -> None:
    def query(mode: RewriteMode, weight: float, **options: object) -> object:
        chosen = RewriteOptions(mode, bm25_weight=weight)
        return rewrite({"query": match(**options)}, FIELD_MAP, word_vector, chosen).body["query"]

    weighed = match(boost=0.5)
    assert query(RewriteMode.HYBRID, 0.5) == filled(beside(weights(), weighed))
    assert query(RewriteMode.HYBRID, 0) == filled(weights())
    assert query(RewriteMode.HYBRID, 0, operator="and") == filled(anchored(match(operator="and")))
    assert query(RewriteMode.REPLACE, 0.5, fuzziness=1) == filled(beside(weights(), match(fuzziness=1, boost=0.5)))
    assert query(RewriteMode.ANCHORED, 0.5) == filled(anchored(match()))


def test_an_index_without_a_map_is_left_alone() -> None:
    body = {"query": {"bool": {"must": [match(), {"multi_match": {"query": Q}}]}}}
    result = rewrite(body, FieldMap(), word_vector, RewriteOptions())
    assert result.body is body
    assert [decision.outcome.value for decision in result.decisions] == ["kept", "passed"]


def test_an_index_of_ours_needs_no_configuration() -> None:
    body = {"query": {"multi_match": {"query": Q, "fields": ["title^2", "text"]}}}
    assert rewrite(body, OWN_INDEX, word_vector, RewriteOptions()).body == {"query": terms(Q, boost=2.0)}


def test_one_text_is_encoded_once() -> None:
    texts: list[str] = []

    def encode(text: str) -> SparseVector:
        texts.append(text)
        return word_vector(text)

    rewrite(
        {"query": {"bool": {"should": [match(), match(Q, "summary"), match("rye")]}}},
        FIELD_MAP,
        encode,
        RewriteOptions(),
    )
    assert texts == [Q, "rye"]


def long_text(words: int) -> str:
    return " ".join(f"w{number}" for number in range(words))


def sent_terms(query: object) -> int:
    """Count the term clauses of a query."""
    if isinstance(query, dict):
        return sum(1 if name == "rank_feature" else sent_terms(inner) for name, inner in query.items())
    return sum(map(sent_terms, query)) if isinstance(query, list) else 0


def test_texts_that_are_too_long_together_share_what_the_cluster_takes() -> None:
    text = long_text(500)
    body = {"query": {"bool": {"should": [match(text), match(text, "summary"), multi("text", "note")], "filter": [EN]}}}
    sent = rewrite(body, FIELD_MAP, word_vector, RewriteOptions()).body
    each = [sent_terms(clause) for clause in sent["query"]["bool"]["should"]]
    # 1024 less 500 + 500 words, 2 words in 2 fields, and a filter; four vectors.
    assert each == [4, 4, 2 * 2]
    room = RewriteOptions(dialect=replace(PLAIN, max_clauses=4096))
    assert sent_terms(rewrite(body, FIELD_MAP, word_vector, room).body) == 1004


def test_a_vector_is_pruned_as_the_plan_says() -> None:
    options = RewriteOptions(plan=PlanOptions(max_clauses=1))
    assert rewrite({"query": match("rye loaves")}, FIELD_MAP, word_vector, options).body == {"query": terms("loaves")}


def test_a_query_deeper_than_any_cluster_takes_passes() -> None:
    query: Json = match()
    for _ in range(5000):
        query = {"bool": {"must": [query]}}
    (decision,) = rewrite({"query": query}, FIELD_MAP, word_vector, RewriteOptions()).passed
    assert "deeper" in decision.reason


def test_rescorers_in_lists_of_lists_stay() -> None:
    deep: Any = [{"query": {"rescore_query": match()}}]
    for _ in range(5000):
        deep = [deep]
    assert rewrite({"query": match(), "rescore": deep}, FIELD_MAP, word_vector, RewriteOptions()).body == {
        "query": terms(Q),
        "rescore": deep,
    }


def test_what_the_encoder_raises_is_raised() -> None:
    def broken(text: str) -> SparseVector:
        raise EncoderError(f"no vector of {text}")

    with pytest.raises(EncoderError, match="no vector of fresh bread"):
        rewrite({"query": match()}, FIELD_MAP, broken, RewriteOptions())
