"""Rows of the conformance table about parts of bodies that read scores, or give others."""

from csplade.integration.rewrite_policy import RewriteMode
from csplade.tests.rewrite_case import (
    ANCHORED,
    EN,
    PASSED,
    REFUSED,
    REPLACE,
    REWRITTEN,
    Case,
    Json,
    Q,
    anchored,
    match,
    weights,
)

_RESCORE: Json = {"window_size": 20, "query": {"rescore_query": match(Q, "summary"), "query_weight": 0.5}}
_RESCORED: Json = {"window_size": 20, "query": {"rescore_query": weights(field="summary_terms"), "query_weight": 0.5}}


def _factor(mode: str, **options: object) -> Json:
    return {"query": {"rescore_query": match(**options), "score_mode": mode}}


_SOURCE: Json = {"source": "_score > 12 ? 1 : 0"}
_SORTED: Json = {"sort": [{"_script": {"type": "number", "order": "desc", "script": _SOURCE}}]}
_SHOWN: Json = {"script_fields": {"above": {"script": _SOURCE}}}
_AVERAGE: Json = {"aggs": {"mean": {"avg": {"script": {"source": "_score"}}}}}
_TOP_SORTED: Json = {"aggs": {"langs": {"terms": {"field": "lang"}, "aggs": {"best": {"top_hits": _SORTED}}}}}
_YEARS: Json = {"script_fields": {"age": {"script": {"source": "2026 - doc['year'].value"}}}}


def _scripted(about: str, more: Json, mode: RewriteMode = REPLACE) -> Case:
    return Case("body", about, match(), None, PASSED, "score_script: pass", mode, more=more)


_SCRIPTED = (
    _scripted("sorted by a script that reads the score", _SORTED),
    _scripted("sorted by a script that reads the score, anchored", _SORTED, ANCHORED),
    Case(
        "body",
        "sorted by a script that reads the score",
        match(),
        weights(),
        REWRITTEN,
        "replace",
        REPLACE,
        {"score_script": "keep"},
        more=_SORTED,
    ),
    Case(
        "body",
        "sorted by a script that reads the score",
        match(),
        None,
        REFUSED,
        "score_script: refuse",
        REPLACE,
        {"score_script": "refuse"},
        more=_SORTED,
    ),
    _scripted("script fields that read the score", _SHOWN),
    _scripted("aggregations by a script that reads the score", _AVERAGE),
    _scripted("top hits sorted by a script that reads the score, anchored", _TOP_SORTED, ANCHORED),
    _scripted(
        "collapsed hits sorted by a script that reads the score",
        {"collapse": {"field": "lang", "inner_hits": {"name": "all", **_SORTED}}},
    ),
    Case("body", "script fields that do not", match(), weights(), REWRITTEN, "replace", more=_YEARS),
)

BODY_SCORE_CASES = (
    Case("body", "min_score", match(), None, PASSED, "min_score: pass", more={"min_score": 0.5}),
    Case(
        "body",
        "min_score",
        match(),
        weights(),
        REWRITTEN,
        "replace",
        REPLACE,
        {"min_score": "keep"},
        more={"min_score": 0.5},
    ),
    Case(
        "body",
        "min_score",
        match(),
        weights(),
        REWRITTEN,
        "min_score: drop",
        REPLACE,
        {"min_score": "drop"},
        more={"min_score": 0.5},
        more_sent={},
    ),
    Case(
        "body",
        "min_score",
        match(),
        None,
        REFUSED,
        "min_score: refuse",
        REPLACE,
        {"min_score": "refuse"},
        more={"min_score": 0.5},
    ),
    Case("body", "min_score 0 leaves nothing out", match(), weights(), REWRITTEN, "replace", more={"min_score": 0}),
    Case(
        "body",
        "min_score 0",
        match(),
        weights(),
        REWRITTEN,
        "replace",
        REPLACE,
        {"min_score": "drop"},
        more={"min_score": 0.0},
    ),
    Case(
        "body",
        "rescore",
        match(),
        weights(),
        REWRITTEN,
        "replace",
        more={"rescore": _RESCORE},
        more_sent={"rescore": _RESCORED},
    ),
    Case(
        "body",
        "rescore by a factor, anchored: 0 would be one",
        EN,
        None,
        PASSED,
        "anchored",
        ANCHORED,
        more={"rescore": _factor("multiply")},
    ),
    Case(
        "body",
        "rescore by a factor of texts that must match",
        EN,
        None,
        PASSED,
        "operator_and: required",
        more={"rescore": _factor("Min", operator="and")},
    ),
    Case(
        "body",
        "rescore by a factor",
        EN,
        None,
        REWRITTEN,
        "replace",
        more={"rescore": _factor("multiply")},
        more_sent={"rescore": {"query": {"rescore_query": weights(), "score_mode": "multiply"}}},
    ),
    Case(
        "body",
        "rescore by the larger score, anchored",
        EN,
        None,
        REWRITTEN,
        "anchored",
        ANCHORED,
        more={"rescore": _factor("max")},
        more_sent={"rescore": {"query": {"rescore_query": anchored(match()), "score_mode": "max"}}},
    ),
    Case(
        "body",
        "several rescorers, query left alone",
        EN,
        None,
        REWRITTEN,
        "replace",
        more={"rescore": [_RESCORE]},
        more_sent={"rescore": [_RESCORED]},
    ),
    *_SCRIPTED,
)
