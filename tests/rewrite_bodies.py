"""Search bodies made by chance: such as a cluster takes, over the index of the rewriter's tests, and any JSON."""

from typing import Any

from csplade.tests.rewrite_index import AUTHORS, LANGS, WORDS
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Json = dict[str, Any]  # Any: JSON values
Strategy = SearchStrategy[Json]

_SEARCHED = ("title", "text", "summary", "note", "author", "text.plain")
_texts = st.lists(
    st.sampled_from([*WORDS, *AUTHORS, "the", "of", "bred", "foxs", "Bread", "wi-fi"]), min_size=1, max_size=5
)
_text = _texts.map(" ".join)
_boost = st.sampled_from([0.5, 1, 2, 3.5])
_counts = st.sampled_from([1, 2, "50%", "-1", "2<75%"])
_field = st.sampled_from(_SEARCHED)
_fields = st.lists(
    st.builds(lambda name, boost: name + boost, _field, st.sampled_from(["", "^2", "^0.5"])),
    min_size=1,
    max_size=4,
    unique_by=lambda name: name.partition("^")[0],
)
_word_options: dict[str, SearchStrategy[Any]] = {  # Any: JSON values
    "operator": st.sampled_from(["and", "or", "AND"]),
    "minimum_should_match": _counts,
    "boost": _boost,
    "_name": st.sampled_from(["one", "two"]),
}
_match_options = {
    **_word_options,
    "zero_terms_query": st.sampled_from(["all", "none"]),
    "lenient": st.booleans(),
    "analyzer": st.sampled_from(["standard", "whitespace"]),
    "fuzziness": st.sampled_from(["AUTO", 1, 0]),
    "prefix_length": st.just(1),
}


def _options(known: dict[str, SearchStrategy[Any]]) -> Strategy:  # Any: JSON values
    # Most queries have few options.
    return st.one_of(st.just({}), st.fixed_dictionaries({}, optional=known))


def _under(kind: str, known: dict[str, SearchStrategy[Any]]) -> Strategy:  # Any: JSON values
    """Return clauses about one field."""
    return st.builds(
        lambda field, text, options: {kind: {field: {"query": text, **options} if options else text}},
        *(_field, _text, _options(known)),
    )


def _over(kind: str, known: dict[str, SearchStrategy[Any]], **always: object) -> Strategy:  # Any: JSON values
    """Return clauses about several fields."""
    return st.builds(
        lambda fields, text, options: {kind: {"query": text, "fields": fields, **always, **options}},
        *(_fields, _text, _options(known)),
    )


_named_boosted = {"boost": _boost, "_name": st.just("three")}
_query_strings = st.lists(
    st.sampled_from(
        [*WORDS[:8], "+bread", "-stale", '"fresh bread"', "lang:en", "cru*", "rye~1", "(salt OR oven)", "AND dough"]
    ),
    min_size=1,
    max_size=4,
).map(lambda words: " ".join(words).removeprefix("AND "))
_text_clauses = st.one_of(
    _under("match", _match_options),
    _over("multi_match", {**_match_options, "tie_breaker": st.sampled_from([0.0, 0.3, 1.0])}, type="best_fields"),
    _over("multi_match", _word_options, type="most_fields"),
    _over("multi_match", _word_options, type="cross_fields"),
    _over("multi_match", {"slop": st.just(1), **_named_boosted}, type="phrase"),
    _over("multi_match", _named_boosted, type="bool_prefix"),
    _under("match_bool_prefix", {"minimum_should_match": _counts, **_named_boosted}),
    _under("match_phrase", {"slop": st.just(2), **_named_boosted}),
    _under("match_phrase_prefix", {"max_expansions": st.just(5)}),
    st.builds(
        lambda text, options: {"query_string": {"query": text, "fields": ["title^2", "text"], **options}},
        *(
            st.one_of(_text.filter(lambda text: "-" not in text), _query_strings),
            _options({"default_operator": st.just("AND"), "boost": _boost}),
        ),
    ),
    _over("simple_query_string", {"default_operator": st.just("and"), "minimum_should_match": _counts}),
)
filters: Strategy = st.one_of(
    st.builds(lambda lang: {"term": {"lang": lang}}, st.sampled_from(LANGS)),
    st.builds(lambda year: {"range": {"year": {"gte": year}}}, st.integers(1990, 2015)),
    st.just({"exists": {"field": "summary"}}),
    _under("match", {}),
)
_nested = _texts.map(
    lambda words: {"nested": {"path": "passages", "query": {"match": {"passages.text": " ".join(words)}}}}
)
_child = _text.map(
    lambda text: {"has_child": {"type": "comment", "query": {"match": {"text": text}}, "score_mode": "max"}}
)
_parent = _text.map(
    lambda text: {"has_parent": {"parent_type": "recipe", "query": {"match": {"text": text}}, "score": True}}
)


def _compound(inner: Strategy) -> Strategy:
    several = st.lists(inner, min_size=1, max_size=3)
    narrow = st.lists(filters, max_size=2)
    return st.one_of(
        st.fixed_dictionaries(
            {"must": several}, optional={"should": several, "filter": narrow, "must_not": narrow, "boost": _boost}
        ).map(lambda body: {"bool": body}),
        st.fixed_dictionaries(
            {"should": several},
            optional={"minimum_should_match": st.sampled_from([1, 2, "50%"]), "filter": narrow, "_name": st.just("b")},
        ).map(lambda body: {"bool": body}),
        st.fixed_dictionaries({"queries": several}, optional={"tie_breaker": st.just(0.3), "boost": _boost}).map(
            lambda body: {"dis_max": body}
        ),
        st.builds(
            lambda query, mode: {
                "function_score": {
                    "query": query,
                    "functions": [
                        {"filter": {"term": {"lang": "en"}}, "weight": 2},
                        {"field_value_factor": {"field": "year", "missing": 1}},
                    ],
                    "boost_mode": mode,
                }
            },
            *(inner, st.sampled_from(["multiply", "sum", "avg", "max", "min", "replace"])),
        ),
        st.builds(
            lambda positive, negative: {
                "boosting": {"positive": positive, "negative": negative, "negative_boost": 0.3}
            },
            *(inner, filters),
        ),
        filters.map(lambda clause: {"constant_score": {"filter": clause}}),
    )


queries: Strategy = st.recursive(
    st.one_of(_text_clauses, _text_clauses, _nested, _child, _parent), _compound, max_leaves=5
)
_aggregations: Strategy = st.fixed_dictionaries(
    {"langs": st.just({"terms": {"field": "lang"}, "aggs": {"year": {"avg": {"field": "year"}}}})},
    optional={
        "years": st.just({"histogram": {"field": "year", "interval": 5}}),
        "some": st.builds(lambda clause: {"filter": clause, "aggs": {"s": {"stats": {"field": "year"}}}}, filters),
        "everywhere": st.just({"global": {}, "aggs": {"count": {"value_count": {"field": "lang"}}}}),
        "passages": st.just(
            {"nested": {"path": "passages"}, "aggs": {"n": {"value_count": {"field": "passages.text"}}}}
        ),
    },
).map(lambda found: {name: value for name, value in found.items() if name != "passages"})
bodies: Strategy = st.fixed_dictionaries(
    {"query": queries},
    optional={
        "aggs": _aggregations,
        "from": st.integers(0, 5),
        "size": st.integers(0, 20),
        "collapse": st.just({"field": "lang"}),
        "post_filter": filters,
        "sort": st.sampled_from([["_score"], [{"year": "desc"}], [{"year": "asc"}, "_score"]]),
        "highlight": st.just({"fields": {"text": {}, "title": {}}}),
        "track_scores": st.booleans(),
    },
)
"""Bodies that a cluster takes."""

_names = st.sampled_from(
    "query bool must should filter must_not match multi_match match_phrase query_string simple_query_string dis_max "
    "queries function_score functions script_score nested path has_child has_parent score_mode score term title "
    "rescore rescore_query hybrid boosting positive negative constant_score text fields type operator fuzziness boost _name "
    "sort min_score size aggs sampler highlight collapse inner_hits retriever minimum_should_match tie_breaker knn".split()
)
_scalars = st.one_of(
    *(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63),
        st.floats(allow_nan=False),
        st.text(max_size=8),
        _text,
        _query_strings,
    ),
    st.sampled_from(
        ["and", "all", "_score", "title^2", "title^x", "text", "best_fields", "cross_fields", "none", "{{q}}"]
    ),
)
anything: SearchStrategy[Any] = st.recursive(  # Any: JSON values
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(_names, st.text(max_size=3)), inner, max_size=4)
    ),
    max_leaves=25,
)
"""Any JSON value, with the names that a search body has."""
disfigured: Strategy = (
    st.builds(lambda body, name, value: {**body, name: value}, bodies, _names, anything)
    | st.dictionaries(_names, anything, max_size=5)
    | st.builds(lambda kind, body: {"query": {kind: body}}, _names, anything)
)
"""Bodies that a cluster may refuse."""
