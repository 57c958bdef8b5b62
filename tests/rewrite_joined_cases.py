"""Rows of the conformance table about clauses that ask other documents, and about what else there is."""

from csplade.tests.rewrite_case import (
    EN,
    KEPT,
    PASSED,
    REWRITTEN,
    Case,
    Q,
    match,
    weights,
)

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
