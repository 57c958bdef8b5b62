"""Rows of the conformance table about clauses that change scores."""

from csplade.tests.rewrite_case import (
    KEPT,
    PASSED,
    REFUSED,
    REPLACE,
    REWRITTEN,
    Case,
    Json,
    match,
    weights,
)

_LEAST: Json = {"function_score": {"query": match(), "weight": 2, "min_score": 1}}
_SCORED_BY_SCRIPT: Json = {"function_score": {"query": match(), "script_score": {"script": "_score * 2"}}}
_LEAST_SCRIPTED: Json = {"script_score": {"query": match(), "script": {"source": "_score + 1"}, "min_score": 3}}
_SCRIPTED: Json = {"script_score": {"query": match(), "script": {"source": "_score + 1"}}}

FUNCTION_CASES = (
    Case(
        "function_score",
        "functions meet the new score",
        {
            "function_score": {
                "query": match(),
                "functions": [{"filter": match("rye"), "weight": 2}],
                "boost_mode": "sum",
            }
        },
        {
            "function_score": {
                "query": weights(),
                "functions": [{"filter": match("rye"), "weight": 2}],
                "boost_mode": "sum",
            }
        },
        REWRITTEN,
        "replace",
    ),
    Case(
        "function_score",
        "boost_mode replace: the score is thrown away",
        {"function_score": {"query": match(), "field_value_factor": {"field": "year"}, "boost_mode": "replace"}},
        None,
        KEPT,
        "",
    ),
    Case(
        "function_score",
        "boost_mode REPLACE",
        {"function_score": {"query": match(), "field_value_factor": {"field": "year"}, "boost_mode": "REPLACE"}},
        None,
        KEPT,
        "",
    ),
    Case(
        "function_score",
        "min_score",
        _LEAST,
        None,
        PASSED,
        "min_score: pass",
    ),
    Case(
        "function_score",
        "min_score",
        _LEAST,
        {"function_score": {"query": weights(), "weight": 2}},
        REWRITTEN,
        "replace",
        REPLACE,
        {"min_score": "drop"},
    ),
    Case(
        "function_score",
        "min_score",
        _LEAST,
        {"function_score": {"query": weights(), "weight": 2, "min_score": 1}},
        REWRITTEN,
        "replace",
        REPLACE,
        {"min_score": "keep"},
    ),
    Case(
        "function_score",
        "min_score 0 leaves nothing out",
        {"function_score": {"query": match(), "min_score": 0}},
        {"function_score": {"query": weights(), "min_score": 0}},
        REWRITTEN,
        "replace",
    ),
    Case("function_score", "min_score", _LEAST, None, REFUSED, "min_score: refuse", REPLACE, {"min_score": "refuse"}),
    Case(
        "function_score",
        "a script that reads the score",
        _SCORED_BY_SCRIPT,
        None,
        PASSED,
        "score_script: pass",
    ),
    Case(
        "function_score",
        "a script that reads the score",
        _SCORED_BY_SCRIPT,
        None,
        REFUSED,
        "score_script: refuse",
        REPLACE,
        {"score_script": "refuse"},
    ),
    Case(
        "script_score",
        "a script that reads the score",
        _SCRIPTED,
        {"script_score": {"query": weights(), "script": {"source": "_score + 1"}}},
        REWRITTEN,
        "replace",
        REPLACE,
        {"score_script": "keep"},
    ),
    Case(
        "script_score",
        "a script that reads the score",
        _SCRIPTED,
        None,
        REFUSED,
        "score_script: refuse",
        REPLACE,
        {"score_script": "refuse"},
    ),
    *(
        Case(
            "script_score",
            "min_score",
            _LEAST_SCRIPTED,
            sent,
            outcome,
            decided,
            policy={"score_script": "keep", "min_score": policy},
        )
        for policy, outcome, decided, sent in (
            ("pass", PASSED, "min_score: pass", None),
            ("refuse", REFUSED, "min_score: refuse", None),
            (
                *("keep", REWRITTEN, "replace"),
                {"script_score": {"query": weights(), "script": {"source": "_score + 1"}, "min_score": 3}},
            ),
            (
                *("drop", REWRITTEN, "replace"),
                {"script_score": {"query": weights(), "script": {"source": "_score + 1"}}},
            ),
        )
    ),
    Case(
        "script_score",
        "min_score beneath a script that does not read the score",
        {"script_score": {"query": match(), "script": {"source": "doc['year'].value"}, "min_score": 2000}},
        None,
        KEPT,
        "",
    ),
    Case(
        "script_score",
        "a script that does not",
        {"script_score": {"query": match(), "script": {"source": "doc['year'].value"}}},
        None,
        KEPT,
        "",
    ),
)
