"""Search bodies made by chance: such as a cluster takes, over the index of the rewriter's tests, and any JSON."""

import random
from collections.abc import Callable
from random import Random
from typing import Any

from csplade.tests.rewrite_index import AUTHORS, LANGS, WORDS
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Json = dict[str, Any]  # Any: JSON values

_SEARCHED = ("title", "text", "summary", "note", "author", "text.plain")
_TEXT_WORDS = (*WORDS, *WORDS, *AUTHORS, "the", "of", "bred", "foxs", "Bread", "wi-fi")
_STRING_WORDS = (
    *WORDS[:8],
    *("+bread", "-stale", '"fresh bread"', "lang:en", "cru*", "rye~1", "(salt OR oven)", "AND dough", "fresh?"),
)
_COUNTS = (1, 2, "50%", "-1", "2<75%")
_NAMED: dict[str, tuple[Any, ...]] = {"boost": (0.5, 1, 2, 3.5), "_name": ("one", "two")}  # Any: JSON values
_WORDED = {**_NAMED, "operator": ("and", "or", "AND"), "minimum_should_match": _COUNTS}
_MATCHED = {
    **_WORDED,
    "zero_terms_query": ("all", "none"),
    "lenient": (True, False),
    "analyzer": ("standard", "whitespace"),
    "fuzziness": ("AUTO", 1, 0),
    "prefix_length": (1,),
}
# Most queries have few options.
_CHANCE_OF_AN_OPTION = 0.15


def make_body(chance: Random) -> Json:
    """Return a body that a cluster takes."""
    maybe: dict[str, Callable[[Random], object]] = {
        "aggs": _aggregations,
        "from": lambda chance: chance.randint(0, 5),
        "size": lambda chance: chance.randint(0, 20),
        "collapse": lambda _: {"field": "lang"},
        "post_filter": make_filter,
        "sort": lambda chance: chance.choice([["_score"], [{"year": "asc"}, "_score"], [{"year": "desc"}]]),
        "highlight": lambda _: {"fields": {"text": {}, "title": {}}},
        "track_scores": lambda chance: chance.random() < 0.5,
    }
    body: Json = {"query": make_query(chance)}
    body |= {name: make(chance) for name, make in maybe.items() if chance.random() < 0.3}
    # Clusters take no rescorer beside them.
    if chance.random() < 0.3 and body.keys().isdisjoint(("sort", "collapse")):
        body["rescore"] = {"window_size": chance.randint(1, 60), "query": _rescorer(chance)}
    return body


def make_top_hits(chance: Random) -> Json:
    """Return an aggregation that shows hits."""
    sorts: list[Json] = [{}, {}, {"sort": ["_score", {"year": "asc"}]}, {"sort": [{"year": "asc"}]}]
    return {"terms": {"field": "lang"}, "aggs": {"hits": {"top_hits": {"size": 2, **chance.choice(sorts)}}}}


def make_query(chance: Random, depth: int = 0) -> Json:
    """Return a query, of a few levels at most."""
    if depth == 3 or chance.random() < 0.4:
        return chance.choice(_LEAVES)(chance)
    return chance.choice(_COMPOUNDS)(chance, lambda: make_query(chance, depth + 1))


def make_filter(chance: Random) -> Json:
    """Return a query that narrows."""
    return chance.choice(_FILTERS)(chance)


def _text(chance: Random) -> str:
    return " ".join(chance.choices(_TEXT_WORDS, k=chance.randint(1, 5)))


def _options(
    chance: Random,
    known: dict[str, tuple[Any, ...]],  # Any: JSON values
    likely: float = _CHANCE_OF_AN_OPTION,
) -> Json:
    return {name: chance.choice(values) for name, values in known.items() if chance.random() < likely}


def _under(chance: Random, kind: str, known: dict[str, tuple[Any, ...]]) -> Json:  # Any: JSON values
    """Return a clause about one field."""
    text, options = _text(chance), _options(chance, known)
    return {kind: {chance.choice(_SEARCHED): {"query": text, **options} if options else text}}


def _over(chance: Random, known: dict[str, tuple[Any, ...]], **always: object) -> Json:  # Any: JSON values
    """Return what is below a clause about several fields."""
    names = chance.sample(_SEARCHED, chance.randint(1, 4))
    fields = [name + chance.choice(["", "", "^2", "^0.5"]) for name in names]
    return {"query": _text(chance), "fields": fields, **always, **_options(chance, known)}


def _multi_match(chance: Random) -> Json:
    kinds: dict[str, dict[str, tuple[Any, ...]]] = {  # Any: JSON values
        "best_fields": {**_MATCHED, "tie_breaker": (0.0, 0.3, 1.0)},
        "most_fields": _WORDED,
        "cross_fields": _WORDED,
        "phrase": {**_NAMED, "slop": (1,)},
        "bool_prefix": _NAMED,
    }
    kind = chance.choice([*kinds, "best_fields", "cross_fields"])
    return {"multi_match": _over(chance, kinds[kind], type=kind)}


def _query_string(chance: Random) -> Json:
    words = chance.choices(_STRING_WORDS, k=chance.randint(1, 4))
    text = chance.choice([_text(chance).replace("-", ""), " ".join(words).removeprefix("AND ")])
    options = _options(chance, {**_NAMED, "default_operator": ("AND", "or")})
    return {"query_string": {"query": text, "fields": ["title^2", "text"], **options}}


def _combined_fields(chance: Random) -> Json:
    # They must have the same analyzer.
    fields = chance.sample(("title^2", "text", "summary^1.5", "note"), chance.randint(1, 3))
    options = _options(chance, {**_NAMED, "operator": ("and", "or"), "minimum_should_match": _COUNTS})
    return {"combined_fields": {"query": _text(chance), "fields": fields, **options}}


def _nested(chance: Random) -> Json:
    query = _under(chance, "match", {"operator": ("and",)})["match"]
    mode = _options(chance, {"score_mode": ("none", "max", "sum", "avg", "min")}, likely=0.7)
    (asked,) = query.values()
    return {"nested": {"path": "passages", "query": {"match": {"passages.text": asked}}, **mode}}


def _rescorer(chance: Random) -> Json:
    known = {"score_mode": ("total", "max", "multiply", "avg", "min"), "rescore_query_weight": (0.5, 2)}
    return {"rescore_query": make_query(chance, 2), **_options(chance, known, likely=0.7)}


_LEAVES: tuple[Callable[[Random], Json], ...] = (
    lambda chance: _under(chance, "match", _MATCHED),
    lambda chance: _under(chance, "match", _WORDED),
    _multi_match,
    _multi_match,
    lambda chance: _under(chance, "match_bool_prefix", {**_NAMED, "minimum_should_match": _COUNTS}),
    lambda chance: _under(chance, "match_phrase", {**_NAMED, "slop": (2,)}),
    lambda chance: _under(chance, "match_phrase_prefix", {"max_expansions": (5,)}),
    _query_string,
    lambda chance: {
        "simple_query_string": _over(chance, {"default_operator": ("and",), "minimum_should_match": _COUNTS})
    },
    _combined_fields,
    _nested,
    lambda chance: {"has_child": {"type": "comment", "query": {"match": {"text": _text(chance)}}, "score_mode": "max"}},
    lambda chance: {
        "has_parent": {"parent_type": "recipe", "query": {"match": {"text": _text(chance)}}, "score": True}
    },
    lambda chance: {"constant_score": {"filter": make_filter(chance)}},
)
_FILTERS: tuple[Callable[[Random], Json], ...] = (
    lambda chance: {"term": {"lang": chance.choice(LANGS)}},
    lambda chance: {"range": {"year": {"gte": chance.randint(1990, 2010)}}},
    lambda _: {"exists": {"field": "summary"}},
    lambda chance: _under(chance, "match", {}),
)

_Inner = Callable[[], Json]


def _several(chance: Random, inner: _Inner, fewest: int = 1) -> list[Json]:
    return [inner() for _ in range(chance.randint(fewest, 3))]


def _bool(chance: Random, inner: _Inner) -> Json:
    body: Json = {chance.choice(["must", "should"]): _several(chance, inner)}
    if "should" not in body and chance.random() < 0.5:
        body["should"] = _several(chance, inner)
    elif "should" in body:
        body |= _options(chance, {"minimum_should_match": (1, 2, "50%")})
    if chance.random() < 0.5:
        body["filter"] = [make_filter(chance)]
    if chance.random() < 0.2:
        body["must_not"] = [make_filter(chance)]
    return {"bool": {**body, **_options(chance, _NAMED)}}


def _function_score(chance: Random, inner: _Inner) -> Json:
    year = {"field_value_factor": {"field": "year", "missing": 1}}
    mode = chance.choice(["multiply", "sum", "avg", "max", "min", "replace"])
    functions = [{"filter": make_filter(chance), "weight": 2}, year]
    least = _options(chance, {"min_score": (0.5, 3)})
    return {"function_score": {"query": inner(), "functions": functions, "boost_mode": mode, **least}}


def _script_score(chance: Random, inner: _Inner) -> Json:
    script = chance.choice(["_score + 1", "doc['year'].value - 1900"])
    return {"script_score": {"query": inner(), "script": {"source": script}, **_options(chance, {"min_score": (50,)})}}


_COMPOUNDS: tuple[Callable[[Random, _Inner], Json], ...] = (
    _bool,
    _bool,
    _bool,
    lambda chance, inner: {
        "dis_max": {"queries": _several(chance, inner), **_options(chance, {"tie_breaker": (0.3,)})}
    },
    _function_score,
    _script_score,
    lambda chance, inner: {"boosting": {"positive": inner(), "negative": make_filter(chance), "negative_boost": 0.3}},
)


def _aggregations(chance: Random) -> Json:
    every: Json = {
        "langs": {"terms": {"field": "lang"}, "aggs": {"year": {"avg": {"field": "year"}}}},
        "years": {"histogram": {"field": "year", "interval": 5}},
        "some": {"filter": make_filter(chance), "aggs": {"s": {"stats": {"field": "year"}}}},
        "everywhere": {"global": {}, "aggs": {"count": {"value_count": {"field": "lang"}}}},
    }
    return {name: every[name] for name in chance.sample(sorted(every), chance.randint(1, len(every)))}


bodies: SearchStrategy[Json] = st.integers(0, 2**64).map(lambda seed: make_body(random.Random(seed)))

_names = st.sampled_from(
    "query bool must should filter must_not match multi_match match_phrase query_string simple_query_string "
    "dis_max queries function_score functions script_score nested path has_child has_parent score_mode score term "
    "rescore rescore_query hybrid boosting positive negative constant_score text title fields type operator "
    "fuzziness boost _name sort min_score size aggs sampler highlight collapse inner_hits retriever tie_breaker".split()
)
_scalars = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), st.text(max_size=8)),
    st.sampled_from([*_STRING_WORDS, "and", "all", "_score", "title^2", "title^x", "text", "cross_fields", "{{q}}"]),
)
anything: SearchStrategy[Any] = st.recursive(  # Any: JSON values
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_names | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=15,
)
"""Any JSON value, with the names that a search body has."""
disfigured: SearchStrategy[Json] = st.one_of(
    st.builds(lambda body, name, value: {**body, name: value}, bodies, _names, anything),
    st.dictionaries(_names, anything, max_size=4),
    st.builds(lambda kind, body: {"query": {kind: body}}, _names, anything),
)
"""Bodies that a cluster may refuse."""
