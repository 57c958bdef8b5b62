"""The other methods and paths of handlers that many requests go to: GET for POST, all indexes for one."""

from collections.abc import Iterator

from csplade.tests.raw_request import Request, in_lines, plain, sent

_MATCH: dict[str, object] = {"query": {"match": {"text": "bread"}}}


def searches_of_all(index: str) -> Iterator[Request]:
    """Yield searches that name their index in the parameters."""
    rated = {"id": "r", "request": _MATCH, "ratings": [{"_index": index, "_id": "0", "rating": 1}]}
    rank = {"requests": [rated], "metric": {"mean_reciprocal_rank": {"relevant_rating_threshold": 1}}}
    template = {"source": {"query": {"match": {"text": "{{q}}"}}}, "params": {"q": "bread"}}
    for method in ("GET", "POST"):
        for path, body in (
            *(("_search", _MATCH), ("_count", _MATCH), ("_validate/query", _MATCH), ("_search/template", template)),
            *(("_rank_eval", rank), ("_field_caps?fields=title", {})),
        ):
            yield sent(method, f"/{path}{'&' if '?' in path else '?'}index={index}", body)
            yield sent(method, f"/{index}/{path}", body)
        yield in_lines(method, "/_msearch", {"index": index}, _MATCH)
        yield in_lines(method, f"/{index}/_msearch?rest_total_hits_as_int=true", {}, _MATCH)
        yield in_lines(method, "/_msearch/template", {"index": index}, template)
        yield in_lines(method, f"/{index}/_msearch/template", {}, template)
        yield sent(method, f"/{index}/_explain/0", _MATCH)


def pages(index: str) -> Iterator[Request]:
    """Yield scrolls and points in time, with ids that no cluster has given."""
    nonsense = "bm9uc2Vuc2U="
    for method in ("GET", "POST", "DELETE"):
        yield sent(method, "/_search/scroll", {"scroll_id": nonsense})
        yield Request(method, f"/_search/scroll/{nonsense}")
    yield from plain("GET", f"/_search/scroll?scroll_id={nonsense}&scroll=1m")
    yield sent("DELETE", "/_search/point_in_time", {"pit_id": [nonsense]})
    yield from plain("GET", "/_search/point_in_time/_all", by_nature=True)
    yield sent("POST", "/_search", {"pit": {"id": nonsense}})


def documents_of_all(index: str) -> Iterator[Request]:
    yield sent("POST", f"/{index}/_doc", {"title": "unnamed"}, X_Opaque_Id="an id")
    yield sent("POST", f"/{index}/_doc/posted", {"title": "posted"})
    yield sent("POST", f"/{index}/_create/posted", {"title": "posted"})
    for method in ("PUT", "POST"):
        yield in_lines(method, "/_bulk", {"delete": {"_index": index, "_id": "posted"}})
    terms = {"docs": [{"_index": index, "_id": "0", "fields": ["title"]}]}
    for method in ("GET", "POST"):
        yield sent(method, "/_mget", {"docs": [{"_index": index, "_id": "1"}]})
        yield sent(method, f"/{index}/_mget?_source=false", {"ids": ["1"]})
        yield sent(method, "/_mtermvectors", terms)
        yield sent(method, f"/{index}/_mtermvectors?ids=0&fields=title", {})
        yield sent(method, f"/{index}/_termvectors", {"doc": {"title": "fresh bread"}, "fields": ["title"]})
        yield sent(method, f"/{index}/_termvectors/0?term_statistics=true&fields=title", {})


def indexes_of_all(index: str) -> Iterator[Request]:
    for method in ("GET", "POST"):
        for action in ("_refresh", "_flush", "_flush/synced", "_upgrade"):
            yield from plain(method, f"/{action}?index={index}", f"/{index}/{action}", by_nature=True)
        yield sent(method, f"/{index}/_analyze", {"text": "Running foxes"})
        yield sent(method, "/_analyze", {"text": "Running foxes"})
    yield from plain("POST", f"/_forcemerge?index={index}", f"/_cache/clear?index={index}&query=true", by_nature=True)
    yield from plain("POST", "/_close", "/_open")
    yield from plain("DELETE", "/")
    for method in ("PUT", "POST"):
        for name in ("_mapping", "_mappings"):
            yield sent(method, f"/{index}/{name}", {"_meta": {"by": method + name}})
    for path in ("_mapping", "_mappings", "_mapping/field/title", "_settings", "_settings/index.number_of_shards"):
        yield Request("GET", f"/{path}?index={index}", by_nature=path == "_settings")
    yield from plain("GET", f"/{index}/_mappings", f"/{index}/_mapping/field/none", f"/{index}/_setting/index.number_*")
    yield sent("PUT", f"/_settings?index={index}", {"index": {"no.such": 1}})
