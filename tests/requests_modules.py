"""Requests about what the modules of the server add: kinds of fields, queries, aggregations, processors, languages."""

from collections.abc import Iterator

import orjson
from csplade.tests.raw_request import JSON, Request, in_lines, plain, sent

_MAPPED: dict[str, object] = {
    "asked": {"type": "percolator"},
    "text": {"type": "text"},
    "place": {"type": "geo_point"},
    "area": {"type": "geo_shape"},
    "n": {"type": "double"},
    "m": {"type": "scaled_float", "scaling_factor": 10},
    "rank": {"type": "rank_feature"},
    "typed": {"type": "search_as_you_type"},
    "count": {"type": "token_count", "analyzer": "standard"},
    "joined": {"type": "join", "relations": {"parent": "child"}},
}
_DOCUMENTS = {
    "a": {"asked": {"match": {"text": "bread"}}, "n": 1, "m": 1.5, "place": {"lat": 52.5, "lon": 13.4}, "rank": 2},
    "b": {"text": "fresh bread", "n": 2, "m": 3.25, "place": {"lat": 48.1, "lon": 11.6}, "typed": "fresh bread"},
    "p": {"joined": "parent", "n": 3, "m": 4.5, "area": {"type": "point", "coordinates": [13.4, 52.5]}},
    "c": {"joined": {"name": "child", "parent": "p"}, "n": 5, "m": 8, "count": "one two three"},
}
_NEAR = {"lat": 52, "lon": 13}
_QUERIES: tuple[dict[str, object], ...] = (
    {"percolate": {"field": "asked", "document": {"text": "fresh bread"}}},
    {"percolate": {"field": "asked", "documents": [{"text": "bread"}, {"text": "rye"}]}},
    {"percolate": {"field": "text", "document": {}}},
    {"has_child": {"type": "child", "query": {"match_all": {}}, "inner_hits": {}}},
    {"has_parent": {"parent_type": "parent", "query": {"range": {"n": {"gte": 3}}}, "score": True}},
    {"parent_id": {"type": "child", "id": "p"}},
    {"geo_distance": {"distance": "200km", "place": _NEAR}},
    {"geo_bounding_box": {"place": {"top_left": {"lat": 53, "lon": 10}, "bottom_right": {"lat": 48, "lon": 14}}}},
    {"geo_shape": {"area": {"shape": {"type": "envelope", "coordinates": [[13, 53], [14, 52]]}}}},
    {"rank_feature": {"field": "rank", "saturation": {"pivot": 3}}},
    {"distance_feature": {"field": "place", "origin": _NEAR, "pivot": "10km"}},
    {"multi_match": {"query": "fresh br", "type": "bool_prefix", "fields": ["typed", "typed._2gram"]}},
    {"script": {"script": {"lang": "expression", "source": "doc['n'].value > 1"}}},
    {"script": {"script": {"source": "doc['n'].value > params.least", "params": {"least": 1}}}},
    {"script": {"script": "nothing("}},
)
_AGGREGATIONS: dict[str, dict[str, object]] = {
    "matrix": {"matrix_stats": {"fields": ["n", "m"]}},
    "hash": {"geohash_grid": {"field": "place", "precision": 3}},
    "tile": {"geotile_grid": {"field": "place", "precision": 4}},
    "bounds": {"geo_bounds": {"field": "place"}},
    "centre": {"geo_centroid": {"field": "place"}},
    "children": {"children": {"type": "child"}, "aggs": {"most": {"max": {"field": "n"}}}},
    "parent": {"parent": {"type": "child"}},
    "rings": {
        "geo_distance": {"field": "place", "origin": _NEAR, "unit": "km", "ranges": [{"to": 100}, {"from": 100}]}
    },
    "percent": {"percentiles": {"field": "n"}},
    "adjacent": {"adjacency_matrix": {"filters": {"low": {"range": {"n": {"lt": 2}}}, "all": {"match_all": {}}}}},
    "composite": {"composite": {"sources": [{"n": {"histogram": {"field": "n", "interval": 2}}}]}},
    "scripted": {"sum": {"script": {"lang": "expression", "source": "doc['n'] * 2"}}},
}


def fields_of_modules(index: str) -> Iterator[Request]:
    other = f"{index}-modules"
    settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"}
    yield sent("PUT", f"/{other}", {"settings": settings, "mappings": {"properties": _MAPPED}})
    for identity, document in _DOCUMENTS.items():
        yield sent("PUT", f"/{other}/_doc/{identity}?routing=1", document)
    yield Request("GET", f"/{other}/_refresh")
    for query in _QUERIES:
        yield sent("POST", f"/{other}/_search", {"query": query, "sort": ["_doc"], "track_scores": True})
    for name, aggregation in _AGGREGATIONS.items():
        yield sent("POST", f"/{other}/_search", {"size": 0, "aggs": {name: aggregation}})
    sort = [{"_geo_distance": {"place": _NEAR, "unit": "km"}}]
    yield sent("POST", f"/{other}/_search", {"sort": sort, "script_fields": {"f": {"script": "doc['n'].value + 1"}}})
    yield Request("DELETE", f"/{other}")


def analyzers(_index: str) -> Iterator[Request]:
    for analyzer in ("english", "german", "cjk", "pattern", "fingerprint", "thai", "nothing"):
        yield sent("POST", "/_analyze", {"analyzer": analyzer, "text": "Running foxes, ภาษาไทย; über Maßen"})
    chain = {"tokenizer": "ngram", "filter": ["lowercase", {"type": "stop", "stopwords": ["a"]}], "text": "Abc"}
    yield sent("GET", "/_analyze", {**chain, "char_filter": ["html_strip"], "explain": True})


def search_pipelines(index: str) -> Iterator[Request]:
    path = f"/_search/pipeline/{index}-sp"
    chain = [{"filter_query": {"query": {"term": {"kind": "food"}}}}, {"oversample": {"sample_factor": 2}}]
    ends: list[dict[str, object]] = [{"rename_field": {"field": "title", "target_field": "name"}}]
    yield sent("PUT", path, {"request_processors": chain, "response_processors": ends})
    yield sent("PUT", path, {"request_processors": [{"nothing": {}}]})
    yield from plain("GET", path, f"{path}-none", "/_search/pipeline")
    body = {"query": {"match": {"text": "bread"}}}
    yield sent("POST", f"/{index}/_search?search_pipeline={index}-sp", body)
    yield sent("POST", f"/{index}/_search?search_pipeline={index}-none", body)
    yield sent("POST", f"/{index}/_search", {**body, "search_pipeline": {"response_processors": ends}})
    yield from plain("DELETE", path, path)


_PROCESSORS: tuple[dict[str, object], ...] = (
    {"set": {"field": "a", "value": "{{n}}"}},
    {"grok": {"field": "t", "patterns": ["%{WORD:first} %{GREEDYDATA:rest}"]}},
    {"dissect": {"field": "t", "pattern": "%{first} %{rest}"}},
    {"kv": {"field": "k", "field_split": " ", "value_split": "="}},
    {"date": {"field": "d", "formats": ["ISO8601"], "target_field": "e"}},
    {"csv": {"field": "k", "target_fields": ["x", "y"], "separator": " "}},
    {"user_agent": {"field": "t", "ignore_missing": True}},
    {"geoip": {"field": "ip"}},
    {"script": {"source": "ctx.n = ctx.n + 1"}},
    {"foreach": {"field": "l", "processor": {"uppercase": {"field": "_ingest._value"}}}},
    {"fail": {"message": "no"}},
    {"nothing": {}},
)


def ingest_pipelines(index: str) -> Iterator[Request]:
    document = {"t": "hello big world", "k": "a=1 b=2", "d": "2024-01-01T00:00:00Z", "n": 1, "l": ["x"], "ip": "::1"}
    for processor in _PROCESSORS:
        body = orjson.dumps({"pipeline": {"processors": [processor]}, "docs": [{"_source": document}]})
        target = "/_ingest/pipeline/_simulate?filter_path=docs.doc._source,docs.error,error"
        yield Request("POST", target, body, {"Content-Type": JSON})
    path = f"/_ingest/pipeline/{index}-ip"
    yield sent("PUT", path, {"processors": [_PROCESSORS[0]], "version": 2})
    yield from plain("GET", "/_ingest/pipeline", f"{path}?summary=true")
    docs = orjson.dumps({"docs": [{"_source": document}]})
    for method in ("GET", "POST"):
        kept = "filter_path=docs.doc._source"
        yield Request(method, f"{path}/_simulate?{kept}", docs, {"Content-Type": JSON})
    yield sent("GET", "/_ingest/pipeline/_simulate", {"docs": []})
    yield Request("DELETE", path)


def scripts(index: str) -> Iterator[Request]:
    score = {"script": {"lang": "painless", "source": "doc['price'].value * 2"}}
    for method in ("PUT", "POST"):
        yield sent(method, f"/_scripts/{index}-score/score", score)
        yield sent(method, f"/_scripts/{index}-score/nothing", score)
    yield sent("POST", f"/_scripts/{index}-score", score)
    yield sent("POST", f"/_scripts/{index}-t", {"script": {"lang": "mustache", "source": {"size": "{{n}}"}}})
    query = {"script_score": {"query": {"match_all": {}}, "script": {"id": f"{index}-score"}}}
    yield sent("POST", f"/{index}/_search?size=2", {"query": query, "sort": ["_score", "_doc"]})
    for method in ("GET", "POST"):
        yield sent(method, f"/_render/template/{index}-t", {"params": {"n": 3}})
        yield sent(method, f"/{index}/_search/template", {"id": f"{index}-t", "params": {"n": 0}})
    yield sent("GET", "/_render/template", {"source": {"size": "{{n}}"}, "params": {"n": 1}})
    yield from plain("DELETE", f"/_scripts/{index}-score", f"/_scripts/{index}-t", f"/_scripts/{index}-t")
    yield from plain("GET", "/_scripts/painless/_context", "/_scripts/painless/_context?context=score")
    context = {"index": index, "document": {"price": 4}}
    filtered = {"script": {"source": "doc['price'].value > 1"}, "context": "filter", "context_setup": context}
    yield sent("GET", "/_scripts/painless/_execute", filtered)
    yield sent("POST", "/_scripts/painless/_execute", {"script": {"source": "nothing("}})


def rules(_index: str) -> Iterator[Request]:
    yield sent("PUT", "/_rules/nothing", {"description": "a", "index_pattern": ["b*"], "nothing": "c"})
    yield sent("PUT", "/_rules/nothing/1", {"description": "a"})
    yield from plain("GET", "/_rules/nothing", "/_rules/nothing/", "/_rules/nothing/1")
    yield Request("DELETE", "/_rules/nothing/1")


def streamed(index: str) -> Iterator[Request]:
    """Yield bulk requests of the kind that only another transport than the usual one answers piece by piece."""
    for method in ("PUT", "POST"):
        for path in ("/_bulk/stream", f"/{index}/_bulk/stream"):
            yield in_lines(method, path, {"index": {"_index": index, "_id": "streamed"}}, {"title": "in a stream"})
