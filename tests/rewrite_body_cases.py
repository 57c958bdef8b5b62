"""Rows of the conformance table about whole bodies."""

from csplade.integration.rewrite_policy import RewriteMode
from csplade.tests.rewrite_case import (
    ANCHORED,
    EN,
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
    weights,
)

_RESCORE: Json = {"window_size": 20, "query": {"rescore_query": match(Q, "summary"), "query_weight": 0.5}}
_RESCORED: Json = {"window_size": 20, "query": {"rescore_query": weights(field="summary_terms"), "query_weight": 0.5}}
_KEPT_KEYS: Json = {
    "from": 1,
    "size": 3,
    "aggs": {"langs": {"terms": {"field": "lang"}}, "rye": {"filter": match("rye")}},
    "post_filter": match("bread"),
    "collapse": {"field": "lang"},
    "suggest": {"s": {"text": "bred", "term": {"field": "text"}}},
    "_source": ["title"],
    "fields": ["year"],
    "profile": True,
    "explain": True,
    "track_total_hits": True,
}
_FRAGMENTS: Json = {"fields": {"text": {}}}
_TOP: Json = {"top": {"terms": {"field": "lang"}, "aggs": {"best": {"top_hits": {"size": 1, "highlight": _FRAGMENTS}}}}}
_TOP_SENT: Json = {
    "top": {
        "terms": {"field": "lang"},
        "aggs": {"best": {"top_hits": {"size": 1, "highlight": {**_FRAGMENTS, "highlight_query": match()}}}},
    }
}
_SAMPLED: Json = {"best": {"sampler": {"shard_size": 3}, "aggs": {"langs": {"terms": {"field": "lang"}}}}}


def _factor(mode: str, **options: object) -> Json:
    return {"query": {"rescore_query": match(**options), "score_mode": mode}}


_ANEW: Json = {"type": "keyword", "script": {"source": "emit(doc['lang'].value)"}}
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
BODY_CASES = (
    Case("body", "everything beside the query", match(), weights(), REWRITTEN, "replace", more=_KEPT_KEYS),
    Case(
        "body",
        "search_after by score",
        match(),
        weights(),
        REWRITTEN,
        "replace",
        more={"sort": ["_score", {"year": "asc"}], "search_after": [90.0, 2001]},
    ),
    Case("body", "sort without score", match(), None, KEPT, "", more={"sort": [{"year": "desc"}]}),
    Case(
        "body",
        "sort by a field that is called so",
        match(),
        None,
        KEPT,
        "",
        more={"sort": [{"stats._score": {"order": "desc", "unmapped_type": "float"}}]},
    ),
    Case(
        "body",
        "size 0",
        match(),
        weights(),
        REWRITTEN,
        "replace",
        more={"size": 0, "aggs": {"langs": {"terms": {"field": "lang"}}}},
    ),
    Case(
        "body",
        "size 0, anchored",
        match(),
        None,
        KEPT,
        "anchored",
        ANCHORED,
        more={"size": 0, "aggs": {"langs": {"terms": {"field": "lang"}}}},
    ),
    Case(
        "body",
        "size 0 with top hits, anchored",
        match(),
        anchored(match()),
        REWRITTEN,
        "anchored",
        ANCHORED,
        more={"size": 0, "aggs": {"best": {"top_hits": {"size": 2}}}},
    ),
    Case(
        "body",
        "aggregations that read scores, anchored",
        match(),
        None,
        PASSED,
        "anchored",
        ANCHORED,
        more={"aggs": _SAMPLED},
    ),
    Case(
        "body",
        "aggregations by a stored script, anchored",
        match(),
        None,
        PASSED,
        "anchored",
        ANCHORED,
        more={"aggs": {"best": {"scripted_metric": {"map_script": {"id": "stored"}}}}},
    ),
    Case("body", "aggregations that read scores", match(), weights(), REWRITTEN, "replace", more={"aggs": _SAMPLED}),
    Case(
        "body",
        "highlight",
        match(),
        weights(),
        REWRITTEN,
        "replace",
        more={"highlight": _FRAGMENTS},
        more_sent={"highlight": {**_FRAGMENTS, "highlight_query": match()}},
    ),
    Case(
        "body",
        "highlight of a hybrid query",
        {"hybrid": {"queries": [match(), EN]}},
        {"hybrid": {"queries": [weights(), EN]}},
        REWRITTEN,
        "replace",
        more={"highlight": _FRAGMENTS},
        more_sent={"highlight": {**_FRAGMENTS, "highlight_query": {"bool": {"should": [match(), EN]}}}},
    ),
    Case(
        "body",
        "highlight with a query of its own",
        match(),
        weights(),
        REWRITTEN,
        "replace",
        more={"highlight": {**_FRAGMENTS, "highlight_query": match("rye")}},
    ),
    Case(
        "body",
        "highlighted top hits",
        match(),
        weights(),
        REWRITTEN,
        "replace",
        more={"aggs": _TOP},
        more_sent={"aggs": _TOP_SENT},
    ),
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
    Case(
        "body",
        "knn beside the query",
        match(),
        weights(),
        REWRITTEN,
        "replace",
        more={"knn": {"field": "v", "query_vector": [1.0], "k": 3, "num_candidates": 9}},
    ),
    *_SCRIPTED,
    Case("body", "a covered field defined anew", match(), None, PASSED, "", more={"runtime_mappings": {"text": _ANEW}}),
    Case("body", "a covered field derived anew", match(), None, PASSED, "", more={"derived": {"text": _ANEW}}),
    Case(
        "body",
        "another field defined",
        match(),
        weights(),
        REWRITTEN,
        "replace",
        more={"runtime_mappings": {"decade": {"type": "long"}}},
    ),
    Case("body", "retriever", None, None, PASSED, "", more={"retriever": {"standard": {"query": match()}}}),
    Case("body", "no query", None, None, KEPT, "", more={"size": 5}),
)
