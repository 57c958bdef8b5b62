"""Rows of the conformance table about clauses that ask other documents, and about what else there is."""

from csplade.tests.rewrite_case import (
    ANCHORED,
    EN,
    HYBRID,
    KEPT,
    PASSED,
    REFUSED,
    REPLACE,
    REWRITTEN,
    Case,
    Json,
    Q,
    anchored,
    match,
    must,
    weights,
)


def _children(query: Json, **count: int) -> Json:
    return {"has_child": {"type": "comment", "query": query, "score_mode": "max", **count}}


JOINED_CASES = (
    Case(
        "nested",
        "weights inside the nested objects",
        {"nested": {"path": "passages", "query": match(Q, "passages.text"), "score_mode": "max"}},
        {"nested": {"path": "passages", "query": weights(field="passages.terms"), "score_mode": "max"}},
        REWRITTEN,
        "replace",
    ),
    Case(
        "nested",
        "highlighted inner hits",
        {
            "nested": {
                "path": "passages",
                "query": match(Q, "passages.text"),
                "inner_hits": {"highlight": {"fields": {"passages.text": {}}}},
            }
        },
        {
            "nested": {
                "path": "passages",
                "query": weights(field="passages.terms"),
                "inner_hits": {
                    "highlight": {"fields": {"passages.text": {}}, "highlight_query": match(Q, "passages.text")}
                },
            }
        },
        REWRITTEN,
        "replace",
    ),
    Case(
        "nested",
        "inner hits with a script that reads the score",
        {
            "nested": {
                "path": "passages",
                "query": match(Q, "passages.text"),
                "inner_hits": {"script_fields": {"above": {"script": "_score > 12 ? 1 : 0"}}},
            }
        },
        None,
        PASSED,
        "score_script: pass",
    ),
    Case("nested", "weights outside", {"nested": {"path": "passages", "query": match()}}, None, KEPT, ""),
    Case(
        "nested",
        "score_mode none",
        {"nested": {"path": "passages", "query": match(Q, "passages.text"), "score_mode": "none"}},
        None,
        KEPT,
        "",
    ),
    Case(
        "nested",
        "score_mode None",
        {"nested": {"path": "passages", "query": match(Q, "passages.text"), "score_mode": "None"}},
        None,
        KEPT,
        "",
    ),
    Case(
        "has_child",
        "score_mode max",
        {"has_child": {"type": "comment", "query": match(), "score_mode": "max"}},
        {"has_child": {"type": "comment", "query": weights(), "score_mode": "max"}},
        REWRITTEN,
        "replace",
    ),
    Case(
        "has_child",
        "score_mode NONE",
        {"has_child": {"type": "comment", "query": match(), "score_mode": "NONE"}},
        None,
        KEPT,
        "",
    ),
    Case(
        "has_child",
        "min_children 1",
        _children(match(), min_children=1),
        _children(weights(), min_children=1),
        REWRITTEN,
        "replace",
    ),
    Case(
        "has_child",
        "min_children: each child counts as before",
        _children(match(), min_children=2),
        _children(anchored(match()), min_children=2),
        REWRITTEN,
        "minimum_should_match: required",
    ),
    Case(
        "has_child",
        "max_children",
        _children(match(), max_children=3),
        _children(anchored(match()), max_children=3),
        REWRITTEN,
        "minimum_should_match: required",
    ),
    Case(
        "has_child",
        "max_children, hybrid",
        _children(match(), max_children=3),
        _children(must(match()), max_children=3),
        REWRITTEN,
        "minimum_should_match: required",
        HYBRID,
    ),
    Case(
        "has_child",
        "max_children, anchored",
        _children(match(), max_children=3),
        _children(anchored(match()), max_children=3),
        REWRITTEN,
        "minimum_should_match: drop",
        ANCHORED,
        {"minimum_should_match": "drop"},
    ),
    Case(
        "has_child",
        "min_children where more would match",
        _children(match(), min_children=2),
        None,
        PASSED,
        "minimum_should_match: boosting",
        REPLACE,
        {"minimum_should_match": "boosting"},
    ),
    Case(
        "has_child",
        "min_children refused",
        _children(match(), min_children=2),
        None,
        REFUSED,
        "minimum_should_match: refuse",
        REPLACE,
        {"minimum_should_match": "refuse"},
    ),
    Case("has_child", "no score_mode", {"has_child": {"type": "comment", "query": match()}}, None, KEPT, ""),
    Case(
        "has_parent",
        "with score",
        {"has_parent": {"parent_type": "recipe", "query": match(), "score": True}},
        {"has_parent": {"parent_type": "recipe", "query": weights(), "score": True}},
        REWRITTEN,
        "replace",
    ),
    Case("has_parent", "without", {"has_parent": {"parent_type": "recipe", "query": match()}}, None, KEPT, ""),
    Case(
        "hybrid",
        "each of its queries",
        {"hybrid": {"queries": [match(), EN]}},
        {"hybrid": {"queries": [weights(), EN]}},
        REWRITTEN,
        "replace",
    ),
    Case(
        "other",
        "knn beside a match",
        {"bool": {"should": [{"knn": {"v": {"vector": [1.0], "k": 3}}}, match()]}},
        {"bool": {"should": [{"knn": {"v": {"vector": [1.0], "k": 3}}}, weights()]}},
        REWRITTEN,
        "replace",
    ),
    Case("other", "intervals", {"intervals": {"text": {"match": {"query": Q}}}}, None, PASSED, ""),
    Case(
        "other",
        "more_like_this",
        {"more_like_this": {"fields": ["text"], "like": Q, "min_term_freq": 1}},
        None,
        PASSED,
        "",
    ),
    Case("other", "a clause that nobody knows", {"wrapper": {"query": "eyJtYXRjaF9hbGwiOiB7fX0="}}, None, PASSED, ""),
)
