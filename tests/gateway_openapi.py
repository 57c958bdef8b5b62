"""The requests that a gateway rewrites, as an OpenAPI document, of which others can be made."""

import json
from collections.abc import Sequence
from typing import Any

from csplade.tests.rewrite_index import AUTHORS, LANGS, WORDS

Json = dict[str, Any]  # Any: JSON values

LINES = "application/x-ndjson"

_DEPTH = 2
_TEXT: Json = {"type": "string", "minLength": 1, "maxLength": 40}
_NAME: Json = {"type": "string", "pattern": "^[a-z]{1,8}$"}
_WORDS: Json = {"enum": [*WORDS[:12], "fresh bread", "+salt -stale", '"rye loaf"', "lang:en", "cru*", *AUTHORS]}
_QUERIED: Json = {"anyOf": [_WORDS, _TEXT]}
_FIELD: Json = {"enum": ["title", "text", "text.plain", "summary", "note", "author", "lang", "none"]}
_BOOSTED: Json = {"enum": ["title", "text^2", "summary^0.5", "author", "passages.text", "text.*", "t*"]}
_BOOST: Json = {"type": "number", "minimum": 0, "maximum": 9}
_COUNT: Json = {"enum": [1, 2, "50%", "-1", "2<75%", 0]}
_AND_OR: Json = {"enum": ["and", "or", "AND"]}


def _object(required: Sequence[str] = (), **properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": [*required],
        "additionalProperties": False,
    }


def _one(**kinds: Json) -> list[Json]:
    """Return an object for each kind, with the one name."""
    return [_object([name], **{name: below}) for name, below in kinds.items()]


def _under_a_field(below: Json) -> Json:
    return {"anyOf": [_object([name], **{name: below}) for name in _FIELD["enum"]]}


def _pairs(*kinds: tuple[Json, Json]) -> Json:
    """Return objects of which each stands for two lines."""
    pairs = [_object(["first", "second"], first=first, second=second) for first, second in kinds]
    return {"type": "array", "items": {"anyOf": pairs}, "minItems": 1, "maxItems": 3}


_MATCHED = _object(
    ["query"],
    query=_QUERIED,
    operator=_AND_OR,
    minimum_should_match=_COUNT,
    fuzziness={"enum": ["AUTO", 0, 1]},
    lenient={"type": "boolean"},
    zero_terms_query={"enum": ["all", "none"]},
    boost=_BOOST,
    _name=_NAME,
)
_FIELDS: Json = {"type": "array", "items": _BOOSTED, "minItems": 1, "maxItems": 3}
_MULTI = _object(
    ["query"],
    query=_QUERIED,
    fields=_FIELDS,
    type={"enum": ["best_fields", "most_fields", "cross_fields", "phrase", "bool_prefix"]},
    operator=_AND_OR,
    tie_breaker={"enum": [0, 0.3, 1]},
    boost=_BOOST,
)
_STRING = _object(["query"], query=_QUERIED, fields=_FIELDS, default_operator=_AND_OR, boost=_BOOST)
_LEAVES = _one(
    match=_under_a_field({"anyOf": [_QUERIED, _MATCHED]}),
    match_phrase=_under_a_field(_QUERIED),
    match_bool_prefix=_under_a_field(_QUERIED),
    multi_match=_MULTI,
    combined_fields=_object(["query", "fields"], query=_QUERIED, fields=_FIELDS),
    query_string=_STRING,
    simple_query_string=_STRING,
    term=_object(["lang"], lang={"enum": [*LANGS]}),
    match_all=_object(boost=_BOOST),
)


def _query(depth: int = _DEPTH) -> Json:
    """Return the schema of a query with so many levels."""
    if not depth:
        return {"anyOf": _LEAVES}
    inner = _query(depth - 1)
    several: Json = {"type": "array", "items": inner, "minItems": 1, "maxItems": 2}
    compounds = _one(
        bool=_object(must=several, should=several, filter=several, must_not=several, minimum_should_match=_COUNT),
        dis_max=_object(["queries"], queries=several, tie_breaker=_BOOST),
        boosting=_object(
            ["positive", "negative", "negative_boost"], positive=inner, negative=inner, negative_boost=_BOOST
        ),
        constant_score=_object(["filter"], filter=inner, boost=_BOOST),
        function_score=_object(query=inner, weight=_BOOST, min_score=_BOOST, boost_mode={"enum": ["sum", "replace"]}),
        nested=_object(["path", "query"], path={"enum": ["passages"]}, query=inner),
    )
    return {"anyOf": [*_LEAVES, *compounds]}


_SEARCHED = _object(
    query=_query(),
    size={"type": "integer", "minimum": 0, "maximum": 30},
    sort={"type": "array", "items": {"enum": ["_score", "year"]}, "maxItems": 2},
    aggs=_object(langs=_object(["terms"], terms=_object(["field"], field={"enum": ["lang"]}))),
    highlight=_object(["fields"], fields=_object(text=_object())),
    min_score=_BOOST,
    track_total_hits={"type": "boolean"},
    explain={"type": "boolean"},
    post_filter=_query(0),
)
_SEARCH = {**_SEARCHED, "properties": {**_SEARCHED["properties"], "from": {"type": "integer", "maximum": 30}}}
_TEMPLATE = _object(
    ["source"],
    source={"anyOf": [_object(["query"], query=_query(1)), {"enum": ['{"query":{"match":{"text":"{{q}}"}}}', "{{"]}]},
    params=_object(q=_QUERIED),
)
_DOCUMENT = _object(title=_TEXT, text=_QUERIED, summary=_TEXT, lang={"enum": [*LANGS]}, year={"type": "integer"})
_CHANGED: Json = {"anyOf": [_object(_id={"enum": ["b1", "b2"]}), _object()]}
_UPDATE: Json = {
    "anyOf": [
        _object(["doc"], doc=_DOCUMENT, doc_as_upsert={"type": "boolean"}, upsert=_DOCUMENT),
        _object(["doc"], doc=_DOCUMENT, detect_noop={"type": "boolean"}, _source={"type": "boolean"}),
        _object(["script"], script=_object(["source"], source={"enum": ["ctx._source.year = 1"]}), upsert=_DOCUMENT),
    ]
}
_CHANGES = _pairs(
    (_object(["index"], index=_CHANGED), _DOCUMENT),
    (_object(["index"], index=_CHANGED), _object()),
    (_object(["update"], update=_CHANGED), _UPDATE),
)
_SEARCHES = _pairs((_object(), _SEARCH), (_object(["index"], index={"enum": ["fuzz-none", ["fuzz-other"]]}), _SEARCH))
_PARAMS: Json = {
    "q": _QUERIED,
    "df": _FIELD,
    "default_operator": _AND_OR,
    "size": {"type": "integer", "minimum": 0, "maximum": 30},
    "sort": {"enum": ["year:desc", "_score", "none"]},
    "filter_path": {"enum": ["took", "hits.hits._id", "-took"]},
    "ignore_unavailable": {"type": "boolean"},
}


def openapi(rewritten: Sequence[str], others: Sequence[str]) -> Json:
    """Return the document about indexes with rules, and about others, which are only searched."""
    identity = {"type": "string", "pattern": "^[a-z0-9]{1,8}$"}
    searches = {
        "_search": _operation(_SEARCH, get=True, **_PARAMS),
        "_count": _operation(_object(["query"], query=_query()), get=True, q=_QUERIED, df=_FIELD),
        "_validate/query": _operation(_object(["query"], query=_query()), get=True, explain={"type": "boolean"}),
        "_search/template": _operation(_TEMPLATE),
        "_msearch": _operation(_SEARCHES, LINES),
        "_explain/{id}": _operation(_object(["query"], query=_query(1)), id=identity),
    }
    changes = {
        "_bulk": _operation(_CHANGES, LINES),
        "_doc/{id}": _operation(_DOCUMENT, id=identity),
        "_update/{id}": _operation(_UPDATE, id=identity),
    }
    few = {"_search": searches["_search"]}
    below = {**dict.fromkeys(rewritten, searches | changes), **dict.fromkeys(others, few)}
    # Names of indexes are no parameters: whatever else stood there would be made an index by a write.
    paths = {f"/{index}/{name}": item for index, items in below.items() for name, item in items.items()}
    return {"openapi": "3.0.3", "info": {"title": "What a gateway rewrites", "version": "1"}, "paths": paths}


def lines(value: object) -> bytes:
    """Return pairs of lines as they are sent; whatever else was made in their place is one line."""
    found = value if isinstance(value, list) else [value]
    below = [[*each.values()] if isinstance(each, dict) else [each] for each in found]
    return b"".join(json.dumps(line).encode() + b"\n" for each in below for line in each)


def _operation(body: Json, kind: str = "application/json", /, get: bool = False, **params: Json) -> Json:
    placed = [
        {"name": name, "in": "path" if name == "id" else "query", "required": name == "id", "schema": schema}
        for name, schema in params.items()
    ]
    responses = {"default": {"description": "whatever the cluster says"}}
    posted = {
        "parameters": placed,
        "requestBody": {"required": True, "content": {kind: {"schema": body}}},
        "responses": responses,
    }
    return {"post": posted, **({"get": {"parameters": placed, "responses": responses}} if get else {})}
