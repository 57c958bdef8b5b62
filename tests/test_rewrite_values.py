"""Options with values of every kind: what a cluster refuses is not made good by rewriting."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from csplade.integration.client import connect
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import Option, Policies, Policy, RewriteMode, RewriteOptions
from csplade.integration.rewrite_values import acceptable
from csplade.tests.rewrite_bodies import Json
from csplade.tests.rewrite_index import FIELD_MAP, fill_index
from csplade.tests.rewrite_searches import Searched
from csplade.tests.word_encoder import word_vector

VALUES: tuple[object, ...] = (
    *(0, 1, 2, -1, 0.5, 1e10, "", "0", "1", "2", "-1", "abc", "75%", "2<75%", True, False, None, [], {}),
    *("true", "TRUE", "false", "AUTO", "auto", "AUTO:1,2", "all", "none", "and", "AND", "or", "best_fields"),
    *("constant_score", "top_terms_5", "top_terms_x", "Europe/Berlin", "+01:00", "UTC", "standard"),
)
_FUZZY = ("fuzziness", "prefix_length", "max_expansions", "fuzzy_transpositions", "fuzzy_rewrite")
_WORDS = ("operator", "minimum_should_match", "zero_terms_query", "lenient", "boost", "analyzer", "_name")
_STRING = (
    *(
        "default_operator",
        "minimum_should_match",
        "lenient",
        "boost",
        "analyze_wildcard",
        "quote_field_suffix",
        "_name",
    ),
    *("fuzzy_max_expansions", "fuzzy_prefix_length", "fuzzy_transpositions", "auto_generate_synonyms_phrase_query"),
)
# `combined_fields` has options on Elasticsearch that OpenSearch refuses.
OPTIONS = {
    "match": (*_WORDS, *_FUZZY, "auto_generate_synonyms_phrase_query"),
    "match_bool_prefix": ("operator", "minimum_should_match", "boost", "analyzer", *_FUZZY),
    "match_phrase": ("slop", "zero_terms_query", "boost", "analyzer"),
    "match_phrase_prefix": ("slop", "zero_terms_query", "boost", "max_expansions"),
    "multi_match": (*_WORDS, *_FUZZY, "type", "tie_breaker", "slop", "auto_generate_synonyms_phrase_query"),
    "combined_fields": ("operator", "minimum_should_match", "boost", "_name"),
    "simple_query_string": _STRING,
    "query_string": (
        *_STRING,
        *("allow_leading_wildcard", "enable_position_increments", "fuzziness", "fuzzy_rewrite", "quote_analyzer"),
        *("max_determinized_states", "phrase_slop", "rewrite", "time_zone", "tie_breaker", "type"),
    ),
}
FIELDS: tuple[object, ...] = (
    *(["text^0"], ["text^0.5"], ["text^2", "title"], "text", ["text^"], ["text^-1"], ["text^abc"], [], ["none"]),
    *(["text", "text"], ["title^9", "text^0.1"], ["text^1e3"], [3], None),
)


def clauses(kind: str) -> Iterator[Json]:
    """Give a clause with each value of each of its options."""
    several = kind in ("multi_match", "combined_fields", "simple_query_string", "query_string")
    for name in OPTIONS[kind]:
        # Which analyzers there are only the cluster knows.
        for value in (
            each for each in VALUES if not name.endswith("analyzer") or not isinstance(each, str) or not each
        ):
            asked: Json = {"query": "bread", name: value}
            yield {kind: {**asked, "fields": ["title", "text"]} if several else {"text": asked}}
    for fields in FIELDS if several else ():
        yield {kind: {"query": "bread", "fields": fields}}


# Whatever can be left out is left out, which hides most.
LAX = RewriteOptions(
    RewriteMode.REPLACE,
    policies=Policies(
        **{option.value: Policy.DROP for option in Option},  # type: ignore[arg-type]  # only texts have these
    ),
)


@pytest.fixture(scope="module")
def filled(opensearch: str) -> Iterator[Searched]:
    name, client = f"test-{uuid4().hex}", connect(opensearch)
    fill_index(client, name, 20)
    yield Searched(client, name)
    client.indices.delete(index=name)


@pytest.mark.cluster
@pytest.mark.parametrize("kind", list(OPTIONS))
def test_what_a_cluster_refuses_is_not_made_good(filled: Searched, kind: str) -> None:
    changed, passed = 0, 0
    for clause in clauses(kind):
        done = rewrite({"query": clause}, FIELD_MAP, word_vector, LAX)
        changed, passed = changed + (done.body["query"] != clause), passed + bool(done.passed)
        assert done.body["query"] == clause or filled.takes({"query": clause}), clause
    assert min(changed, passed) > 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("lenient", True), ("lenient", "false"), ("prefix_length", 0), ("prefix_length", "2"), ("slop", 3)),
        *(("fuzziness", "AUTO"), ("fuzziness", "auto:3,6"), ("fuzziness", 2), ("tie_breaker", 0.3), ("tie_breaker", 1)),
        *(("rewrite", "top_terms_boost_10"), ("time_zone", "Europe/Berlin"), ("time_zone", "-03:30")),
        *(("analyzer", "english"), ("query", None), ("boost", "looked at elsewhere")),
    ],
)
def test_what_applications_send_is_acceptable(name: str, value: object) -> None:
    assert acceptable(name, value)
