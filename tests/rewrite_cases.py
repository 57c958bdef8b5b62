"""The conformance table of the rewriter, row by row: what comes in, what is sent, and what decided.

A row says what is sent in a short form: `weights(...)` stands for the clause of a text's term weights. `filled` writes
it out. docs/rewriting.md shows the same rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from csplade.integration.rewrite_policy import RewriteMode
from csplade.integration.rewrite_report import Outcome
from csplade.tests.rewrite_index import terms

Json = dict[str, Any]  # Any: JSON values
REPLACE, HYBRID, ANCHORED = RewriteMode
REWRITTEN, KEPT, PASSED, REFUSED = Outcome

_SHORT = "$weights"
Q = "fresh bread"


def weights(text: str = Q, field: str = "csplade_terms", boost: float = 1.0) -> Json:
    return {_SHORT: {"text": text, "field": field, "boost": boost}}


def filled(value: object) -> Any:  # noqa: ANN401 - JSON values
    """Write out what is short."""
    if isinstance(value, dict):
        return terms(**value[_SHORT]) if _SHORT in value else {name: filled(inner) for name, inner in value.items()}
    return [filled(inner) for inner in value] if isinstance(value, list) else value


def named(query: Json, name: str) -> Json:
    """Return a `bool` with a name; of weights only what `filled` returns has a `bool`."""
    return {"bool": {**filled(query)["bool"], "_name": name}}


@dataclass(frozen=True)
class Case:
    """One row."""

    group: str
    about: str
    query: Json | None
    """The body's `query`; None: the body is in `more`."""
    sent: Json | None
    """What stands in its place; None: the original."""
    outcome: Outcome
    decided: str
    """The policy of the decision that the row is about."""
    mode: RewriteMode = REPLACE
    policy: Mapping[str, str] = field(default_factory=dict)
    more: Json = field(default_factory=dict)
    """What else is in the body."""
    more_sent: Json | None = None
    """What is sent of it; None: the same."""

    @property
    def body(self) -> Json:
        return {**self.more} if self.query is None else {"query": self.query, **self.more}

    @property
    def expected(self) -> Json:
        if self.sent is None and self.more_sent is None:
            return self.body
        query = self.query if self.sent is None else self.sent
        rest = self.more if self.more_sent is None else self.more_sent
        return {**({} if query is None else {"query": filled(query)}), **filled(rest)}


def match(text: str = Q, on: str = "text", **options: object) -> Json:
    return {"match": {on: {"query": text, **options} if options else text}}


def multi(*fields: str, **options: object) -> Json:
    return {"multi_match": {"query": Q, "fields": [*fields], **options}}


def beside(*clauses: Json, **outer: object) -> Json:
    return {"bool": {"should": [*clauses], "minimum_should_match": 1, **outer}}


def anchored(original: Json, *scored: Json, **outer: object) -> Json:
    return {"bool": {"filter": [original], "should": [*(scored or [weights()])], "minimum_should_match": 0, **outer}}


def must(original: Json, *scored: Json, **outer: object) -> Json:
    return {"bool": {"must": [original], "should": [*(scored or [weights()])], "minimum_should_match": 0, **outer}}


def best(*queries: Json, tie: float = 0.0, **outer: object) -> Json:
    return {"dis_max": {"queries": [*queries], "tie_breaker": tie, **outer}}


EN = {"term": {"lang": "en"}}
_MODES = (
    Case("match", "one text, one field", match(), weights(), REWRITTEN, "replace"),
    Case("match", "BM25 as a partner", match(), beside(weights(), match()), REWRITTEN, "hybrid", HYBRID),
    Case("match", "BM25 decides what matches", match(), anchored(match()), REWRITTEN, "anchored", ANCHORED),
    Case("match", "boost: a factor", match(boost=2), weights(boost=2.0), REWRITTEN, "replace"),
    Case(
        *("match", "boost and name, beside", match(boost=2, _name="q")),
        *(beside(weights(), {"match": {"text": {"query": Q}}}, boost=2.0, _name="q"), REWRITTEN, "hybrid", HYBRID),
    ),
    Case(
        *("match", "boost and name, anchored", match(boost=2, _name="q")),
        *(anchored({"match": {"text": {"query": Q}}}, boost=2.0, _name="q"), REWRITTEN, "anchored", ANCHORED),
    ),
    Case("match", "`_name`", match(_name="q"), named(weights(), "q"), REWRITTEN, "replace"),
    Case(
        "match",
        "the map's boost of a field",
        match(on="note"),
        weights(field="note_terms", boost=2.0),
        REWRITTEN,
        "replace",
    ),
    Case("match", "a subfield that the map covers", match(on="text.plain"), weights(), REWRITTEN, "replace"),
    Case("match", "a number as text", {"match": {"text": 2001}}, weights("2001"), REWRITTEN, "replace"),
    Case("match", "a field without weights", match(on="author"), None, KEPT, ""),
    Case("match", "text without a term", match("?!"), None, PASSED, ""),
    Case("match", "an option that nobody knows", match(surprise=1), None, PASSED, ""),
)
_OPTIONS = (
    Case("options", "operator or", match(operator="or"), weights(), REWRITTEN, "replace"),
    Case(
        "options",
        "operator and",
        match(operator="and"),
        anchored(match(operator="and")),
        REWRITTEN,
        "operator_and: required",
    ),
    Case(
        *("options", "operator and, hybrid", match(operator="AND"), must(match(operator="AND"))),
        *(REWRITTEN, "operator_and: required", HYBRID),
    ),
    Case(
        *("options", "operator and", match(operator="and"), beside(weights(), match(operator="and"))),
        *(REWRITTEN, "operator_and: boosting", REPLACE, {"operator_and": "boosting"}),
    ),
    Case(
        *("options", "operator and", match(operator="and"), weights()),
        *(REWRITTEN, "operator_and: drop", REPLACE, {"operator_and": "drop"}),
    ),
    Case(
        *("options", "operator and", match(operator="and"), None),
        *(PASSED, "operator_and: pass", REPLACE, {"operator_and": "pass"}),
    ),
    Case(
        *("options", "operator and", match(operator="and"), None),
        *(REFUSED, "operator_and: refuse", REPLACE, {"operator_and": "refuse"}),
    ),
    Case(
        *("options", "minimum_should_match", match(minimum_should_match="75%")),
        *(anchored(match(minimum_should_match="75%")), REWRITTEN, "minimum_should_match: required"),
    ),
    Case("options", "minimum_should_match 1", match(minimum_should_match=1), weights(), REWRITTEN, "replace"),
    Case(
        *("options", "fuzziness", match(fuzziness="AUTO"), beside(weights(), match(fuzziness="AUTO"))),
        *(REWRITTEN, "fuzziness: boosting"),
    ),
    Case(
        *("options", "fuzziness, anchored", match(fuzziness="AUTO"), anchored(match(fuzziness="AUTO"))),
        *(REWRITTEN, "fuzziness: boosting", ANCHORED),
    ),
    Case("options", "fuzziness 0", match(fuzziness=0, prefix_length=1), weights(), REWRITTEN, "replace"),
    Case(
        *("options", "analyzer", match(analyzer="standard"), beside(weights(), match(analyzer="standard"))),
        *(REWRITTEN, "analyzer: boosting"),
    ),
    Case(
        "options", "zero_terms_query all", match(zero_terms_query="all"), weights(), REWRITTEN, "zero_terms_query: drop"
    ),
    Case("options", "zero_terms_query all, no term", match("?!", zero_terms_query="all"), None, PASSED, ""),
    Case("options", "lenient", match(lenient=True), weights(), REWRITTEN, "lenient: drop"),
    Case(
        *("options", "two options: the stricter policy", match(operator="and", fuzziness=1)),
        *(anchored(match(operator="and", fuzziness=1)), REWRITTEN, "operator_and: required"),
    ),
)
_PHRASE: Json = {"match_phrase": {"text": Q}}
_SLOP: Json = {"match_phrase": {"text": {"query": Q, "slop": 2}}}
_PREFIX: Json = {"match_bool_prefix": {"text": "fresh bre"}}
_PHRASES = (
    Case("phrases", "match_phrase", _PHRASE, None, PASSED, "phrase: pass"),
    Case(
        "phrases",
        "match_phrase",
        _PHRASE,
        anchored(_PHRASE),
        REWRITTEN,
        "phrase: required",
        REPLACE,
        {"phrase": "required"},
    ),
    Case(
        "phrases",
        "match_phrase",
        _PHRASE,
        beside(weights(), _PHRASE),
        REWRITTEN,
        "phrase: boosting",
        REPLACE,
        {"phrase": "boosting"},
    ),
    Case("phrases", "slop", _SLOP, None, PASSED, "phrase: pass"),
    Case("phrases", "slop", _SLOP, weights(), REWRITTEN, "phrase: drop", REPLACE, {"phrase": "drop", "slop": "drop"}),
    Case(
        "phrases", "match_phrase_prefix", {"match_phrase_prefix": {"text": "fresh bre"}}, None, PASSED, "phrase: pass"
    ),
    Case("phrases", "match_bool_prefix", _PREFIX, beside(weights("fresh bre"), _PREFIX), REWRITTEN, "prefix: boosting"),
    Case(
        "phrases",
        "match_bool_prefix, anchored",
        _PREFIX,
        anchored(_PREFIX, weights("fresh bre")),
        REWRITTEN,
        "prefix: boosting",
        ANCHORED,
    ),
)
_FIELDS = (
    Case("multi_match", "all fields share their weights", multi("title", "text"), weights(), REWRITTEN, "replace"),
    Case(
        "multi_match",
        "best_fields: the largest boost",
        multi("title^3", "text"),
        weights(boost=3.0),
        REWRITTEN,
        "replace",
    ),
    Case(
        *("multi_match", "best_fields with tie_breaker", multi("title^3", "text", tie_breaker=0.5)),
        *(weights(boost=3.5), REWRITTEN, "replace"),
    ),
    Case(
        *("multi_match", "most_fields: boosts add up", multi("title^3", "text", type="most_fields")),
        *(weights(boost=4.0), REWRITTEN, "replace"),
    ),
    Case(
        *("multi_match", "several weights fields", multi("title^3", "text", "summary^2", tie_breaker=0.25, boost=2)),
        best(weights(boost=3.25), weights(field="summary_terms", boost=2.0), tie=0.25, boost=2.0),
        *(REWRITTEN, "replace"),
    ),
    Case(
        *("multi_match", "most_fields, several weights fields", multi("title", "summary", type="most_fields")),
        *(best(weights(), weights(field="summary_terms"), tie=1.0), REWRITTEN, "replace"),
    ),
    Case(
        *("multi_match", "cross_fields: one big field", multi("title", "summary^2", type="cross_fields")),
        {"bool": {"should": [weights(), weights(field="summary_terms", boost=2.0)]}},
        *(REWRITTEN, "replace"),
    ),
    Case(
        *("multi_match", "cross_fields, operator and", multi("title", "summary", type="cross_fields", operator="and")),
        anchored(
            multi("title", "summary", type="cross_fields", operator="and"),
            {"bool": {"should": [weights(), weights(field="summary_terms")]}},
        ),
        *(REWRITTEN, "operator_and: required"),
    ),
    Case(
        *("multi_match", "a field without weights", multi("title", "author^2")),
        *(best(weights(), multi("author^2")), REWRITTEN, "replace"),
    ),
    Case(
        *("multi_match", "a field without weights, hybrid", multi("title", "author^2")),
        *(beside(weights(), multi("title", "author^2")), REWRITTEN, "hybrid", HYBRID),
    ),
    Case(
        *("multi_match", "a field without weights, anchored", multi("title", "author", operator="and")),
        anchored(multi("title", "author", operator="and"), best(weights(), multi("author"))),
        *(REWRITTEN, "operator_and: required", ANCHORED),
    ),
    Case("multi_match", "no field: the default ones", {"multi_match": {"query": Q}}, weights(), REWRITTEN, "replace"),
    Case("multi_match", "a pattern that the map covers", multi("text.*"), weights(), REWRITTEN, "replace"),
    Case("multi_match", "a pattern that it does not", multi("t*"), None, KEPT, ""),
    Case("multi_match", "type phrase", multi("title", type="phrase"), None, PASSED, "phrase: pass"),
    Case(
        *("multi_match", "type bool_prefix", multi("title", "text", type="bool_prefix")),
        *(beside(weights(boost=2.0), multi("title", "text", type="bool_prefix")), REWRITTEN, "prefix: boosting"),
    ),
    Case("multi_match", "a type that nobody knows", multi("title", type="odd"), None, PASSED, ""),
    Case(
        *("combined_fields", "one big field", {"combined_fields": {"query": Q, "fields": ["title^2", "text"]}}),
        *(weights(boost=2.0), REWRITTEN, "replace"),
    ),
    Case(
        *("combined_fields", "operator and", {"combined_fields": {"query": Q, "fields": ["title"], "operator": "and"}}),
        anchored({"combined_fields": {"query": Q, "fields": ["title"], "operator": "and"}}),
        *(REWRITTEN, "operator_and: required"),
    ),
)


def string(text: str, **options: object) -> Json:
    return {"query_string": {"query": text, "default_field": "text", **options}}


def simple(text: str, **options: object) -> Json:
    return {"simple_query_string": {"query": text, "fields": ["text"], **options}}


_MIXED = '+fresh bread -stale "rye loaf" lang:en cru*'
_STRINGS = (
    Case("query_string", "free text", string(Q), weights(), REWRITTEN, "replace"),
    Case("query_string", "no field: the default ones", {"query_string": {"query": Q}}, weights(), REWRITTEN, "replace"),
    Case(
        "query_string",
        "default_operator and",
        string(Q, default_operator="AND"),
        anchored(string(Q, default_operator="AND")),
        REWRITTEN,
        "operator_and: required",
    ),
    Case(
        *("query_string", "operators, a field's name, a wildcard", string(_MIXED)),
        *(anchored(string(_MIXED), weights("fresh bread rye loaf")), REWRITTEN, "operators: required"),
    ),
    Case(
        *("query_string", "operators", string("fresh AND bread")),
        *(
            beside(weights(), string("fresh AND bread")),
            REWRITTEN,
            "operators: boosting",
            REPLACE,
            {"operators": "boosting"},
        ),
    ),
    Case(
        "query_string",
        "operators",
        string("fresh AND bread"),
        None,
        PASSED,
        "operators: pass",
        REPLACE,
        {"operators": "pass"},
    ),
    Case("query_string", "nothing but a condition", string("lang:en"), None, PASSED, ""),
    Case(
        "query_string",
        "a range, a regular expression, an escape",
        string("year:[1990 TO 2000] bread"),
        None,
        PASSED,
        "",
    ),
    Case(
        "simple_query_string",
        "free text",
        simple("how to keep bread fresh?"),
        weights("how to keep bread fresh?"),
        REWRITTEN,
        "replace",
    ),
    Case(
        *("simple_query_string", "operators", simple("fresh +bread -stale (rye | loaf) cru*")),
        *(
            anchored(simple("fresh +bread -stale (rye | loaf) cru*"), weights("fresh bread rye loaf")),
            REWRITTEN,
            "operators: required",
        ),
    ),
    Case("simple_query_string", "an escape", simple("fresh\\-bread"), None, PASSED, ""),
)
_COMPOUND = (
    Case(
        *("bool", "must and should are scored, filter and must_not are not"),
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
        *(REWRITTEN, "replace"),
    ),
    Case(
        *("bool", "only filters", {"bool": {"filter": [match(), EN]}}, None, KEPT, ""),
    ),
    Case(
        *("bool", "clauses without text", {"bool": {"must": [EN, {"range": {"year": {"gte": 2000}}}, match()]}}),
        *({"bool": {"must": [EN, {"range": {"year": {"gte": 2000}}}, weights()]}}, REWRITTEN, "replace"),
    ),
    Case(
        *(
            "dis_max",
            "each of its queries",
            {"dis_max": {"queries": [match(), match(on="summary")], "tie_breaker": 0.3}},
        ),
        *(
            {"dis_max": {"queries": [weights(), weights(field="summary_terms")], "tie_breaker": 0.3}},
            REWRITTEN,
            "replace",
        ),
    ),
    Case(
        *("boosting", "positive is scored, negative is not"),
        {"boosting": {"positive": match(), "negative": match("stale"), "negative_boost": 0.5}},
        {"boosting": {"positive": weights(), "negative": match("stale"), "negative_boost": 0.5}},
        *(REWRITTEN, "replace"),
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
        *("function_score", "functions meet the new score"),
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
        *(REWRITTEN, "replace"),
    ),
    Case(
        *("function_score", "boost_mode replace: the score is thrown away"),
        {"function_score": {"query": match(), "field_value_factor": {"field": "year"}, "boost_mode": "replace"}},
        *(None, KEPT, ""),
    ),
    Case(
        "function_score",
        "min_score",
        {"function_score": {"query": match(), "weight": 2, "min_score": 1}},
        None,
        PASSED,
        "min_score: pass",
    ),
    Case(
        *("function_score", "min_score", {"function_score": {"query": match(), "weight": 2, "min_score": 1}}),
        *({"function_score": {"query": weights(), "weight": 2}}, REWRITTEN, "replace", REPLACE, {"min_score": "drop"}),
    ),
    Case(
        *("function_score", "a script that reads the score"),
        {"function_score": {"query": match(), "script_score": {"script": "_score * 2"}}},
        *(None, PASSED, "score_script: pass"),
    ),
    Case(
        *(
            "script_score",
            "a script that reads the score",
            {"script_score": {"query": match(), "script": {"source": "_score + 1"}}},
        ),
        *(
            {"script_score": {"query": weights(), "script": {"source": "_score + 1"}}},
            REWRITTEN,
            "replace",
            REPLACE,
            {"score_script": "keep"},
        ),
    ),
    Case(
        *(
            "script_score",
            "a script that does not",
            {"script_score": {"query": match(), "script": {"source": "doc['year'].value"}}},
        ),
        *(None, KEPT, ""),
    ),
    Case(
        *("nested", "weights inside the nested objects"),
        {"nested": {"path": "passages", "query": match(on="passages.text"), "score_mode": "max"}},
        {"nested": {"path": "passages", "query": weights(field="passages.terms"), "score_mode": "max"}},
        *(REWRITTEN, "replace"),
    ),
    Case(
        *("nested", "highlighted inner hits"),
        {
            "nested": {
                "path": "passages",
                "query": match(on="passages.text"),
                "inner_hits": {"highlight": {"fields": {"passages.text": {}}}},
            }
        },
        {
            "nested": {
                "path": "passages",
                "query": weights(field="passages.terms"),
                "inner_hits": {
                    "highlight": {"fields": {"passages.text": {}}, "highlight_query": match(on="passages.text")}
                },
            }
        },
        *(REWRITTEN, "replace"),
    ),
    Case("nested", "weights outside", {"nested": {"path": "passages", "query": match()}}, None, KEPT, ""),
    Case(
        *(
            "nested",
            "score_mode none",
            {"nested": {"path": "passages", "query": match(on="passages.text"), "score_mode": "none"}},
        ),
        *(None, KEPT, ""),
    ),
    Case(
        *("has_child", "score_mode max", {"has_child": {"type": "comment", "query": match(), "score_mode": "max"}}),
        *({"has_child": {"type": "comment", "query": weights(), "score_mode": "max"}}, REWRITTEN, "replace"),
    ),
    Case("has_child", "no score_mode", {"has_child": {"type": "comment", "query": match()}}, None, KEPT, ""),
    Case(
        *("has_parent", "with score", {"has_parent": {"parent_type": "recipe", "query": match(), "score": True}}),
        *({"has_parent": {"parent_type": "recipe", "query": weights(), "score": True}}, REWRITTEN, "replace"),
    ),
    Case("has_parent", "without", {"has_parent": {"parent_type": "recipe", "query": match()}}, None, KEPT, ""),
    Case(
        *(
            "hybrid",
            "each of its queries",
            {"hybrid": {"queries": [match(), EN]}},
            {"hybrid": {"queries": [weights(), EN]}},
        ),
        *(REWRITTEN, "replace"),
    ),
    Case(
        *("other", "knn beside a match", {"bool": {"should": [{"knn": {"v": {"vector": [1.0], "k": 3}}}, match()]}}),
        *({"bool": {"should": [{"knn": {"v": {"vector": [1.0], "k": 3}}}, weights()]}}, REWRITTEN, "replace"),
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
_RESCORE: Json = {"window_size": 20, "query": {"rescore_query": match(on="summary"), "query_weight": 0.5}}
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
_BODY = (
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
        "aggregations that read scores, anchored",
        match(),
        None,
        PASSED,
        "anchored",
        ANCHORED,
        more={"aggs": _SAMPLED},
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
    Case("body", "retriever", None, None, PASSED, "", more={"retriever": {"standard": {"query": match()}}}),
    Case("body", "no query", None, None, KEPT, "", more={"size": 5}),
)
CASES = (*_MODES, *_OPTIONS, *_PHRASES, *_FIELDS, *_STRINGS, *_COMPOUND, *_BODY)
