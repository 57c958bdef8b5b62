"""Rows of the conformance table about clauses that put others together."""

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
    beside,
    match,
    must,
    weights,
)

_TWICE: Json = {"bool": {"should": [match(Q, "title"), match()], "minimum_should_match": 2}}


def _counted(*should: Json, least: object = 2) -> Json:
    return {"bool": {"should": [*should], "minimum_should_match": least}}


_COUNTED = (
    Case(
        "bool",
        "minimum_should_match: each text counts as before",
        _TWICE,
        _counted(anchored(match(Q, "title")), anchored(match())),
        REWRITTEN,
        "minimum_should_match: required",
    ),
    Case(
        "bool",
        "minimum_should_match, hybrid",
        _TWICE,
        _counted(must(match(Q, "title")), must(match())),
        REWRITTEN,
        "minimum_should_match: required",
        HYBRID,
    ),
    Case(
        "bool",
        "minimum_should_match, anchored",
        _TWICE,
        _counted(anchored(match(Q, "title")), anchored(match())),
        REWRITTEN,
        "minimum_should_match: required",
        ANCHORED,
    ),
    Case(
        "bool",
        "minimum_should_match of clauses in clauses",
        _counted(EN, {"bool": {"must": [match()]}}, {"dis_max": {"queries": [match("rye")]}}, least="-34%"),
        _counted(
            EN,
            {"bool": {"must": [anchored(match())]}},
            {"dis_max": {"queries": [anchored(match("rye"), weights("rye"))]}},
            least="-34%",
        ),
        REWRITTEN,
        "minimum_should_match: required",
    ),
    Case(
        "bool",
        "minimum_should_match",
        _TWICE,
        _counted(beside(weights(), match(Q, "title")), beside(weights(), match()), least=1),
        REWRITTEN,
        "minimum_should_match: boosting",
        REPLACE,
        {"minimum_should_match": "boosting"},
    ),
    Case(
        "bool",
        "minimum_should_match",
        _TWICE,
        _counted(weights(), weights(), least=1),
        REWRITTEN,
        "minimum_should_match: drop",
        REPLACE,
        {"minimum_should_match": "drop"},
    ),
    Case(
        "bool",
        "minimum_should_match",
        _TWICE,
        None,
        PASSED,
        "minimum_should_match: pass",
        REPLACE,
        {"minimum_should_match": "pass"},
    ),
    Case(
        "bool",
        "minimum_should_match",
        _TWICE,
        None,
        REFUSED,
        "minimum_should_match: refuse",
        REPLACE,
        {"minimum_should_match": "refuse"},
    ),
)

BOOL_CASES = (
    Case(
        "bool",
        "must and should are scored, filter and must_not are not",
        {
            "bool": {
                "must": [match()],
                "should": match("oven", "title"),
                "filter": [match("bread")],
                "must_not": match("stale"),
                "minimum_should_match": 1,
            }
        },
        {
            "bool": {
                "must": [weights()],
                "should": weights("oven"),
                "filter": [match("bread")],
                "must_not": match("stale"),
                "minimum_should_match": 1,
            }
        },
        REWRITTEN,
        "replace",
    ),
    *_COUNTED,
    Case("bool", "only filters", {"bool": {"filter": [match(), EN]}}, None, KEPT, ""),
    Case(
        "bool",
        "clauses without text",
        {"bool": {"must": [EN, {"range": {"year": {"gte": 2000}}}, match()]}},
        {"bool": {"must": [EN, {"range": {"year": {"gte": 2000}}}, weights()]}},
        REWRITTEN,
        "replace",
    ),
    Case(
        "dis_max",
        "each of its queries",
        {"dis_max": {"queries": [match(), match(Q, "summary")], "tie_breaker": 0.3}},
        {"dis_max": {"queries": [weights(), weights(field="summary_terms")], "tie_breaker": 0.3}},
        REWRITTEN,
        "replace",
    ),
    Case(
        "boosting",
        "positive is scored, negative is not",
        {"boosting": {"positive": match(), "negative": match("stale"), "negative_boost": 0.5}},
        {"boosting": {"positive": weights(), "negative": match("stale"), "negative_boost": 0.5}},
        REWRITTEN,
        "replace",
    ),
    Case(
        "constant_score",
        "it has no score of its own",
        {"constant_score": {"filter": match(), "boost": 2}},
        None,
        KEPT,
        "",
    ),
)
