"""Rows of the conformance table about clauses that hold clauses."""

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

_LEAST: Json = {"function_score": {"query": match(), "weight": 2, "min_score": 1}}
_SCORED_BY_SCRIPT: Json = {"function_score": {"query": match(), "script_score": {"script": "_score * 2"}}}
_LEAST_SCRIPTED: Json = {"script_score": {"query": match(), "script": {"source": "_score + 1"}, "min_score": 3}}
_SCRIPTED: Json = {"script_score": {"query": match(), "script": {"source": "_score + 1"}}}

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
COMPOUND_CASES = (
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
