"""Requests to the handlers that OpenSearch has a second time, under a prefix for its Dashboards."""

from collections.abc import Iterator

from csplade.tests.raw_request import Request, in_lines, plain, sent

_MATCH: dict[str, object] = {"query": {"match": {"title": "bread"}}}
_PREFIX = "/_opensearch_dashboards"


def dashboards(index: str) -> Iterator[Request]:
    yield from _written(f"{index}-own")
    yield from _aliases(f"{index}-own")
    yield from _read(f"{index}-own")
    yield Request("DELETE", f"/{index}-own")


def _written(index: str) -> Iterator[Request]:
    own = f"{_PREFIX}/{index}"
    yield sent("PUT", own, {"settings": {"number_of_replicas": 0, "number_of_shards": 1, "refresh_interval": "-1"}})
    for method in ("PUT", "POST"):
        yield sent(method, f"{own}/_doc/1", {"title": "fresh bread"})
        yield sent(method, f"{own}/_create/{method.lower()}", {"title": "bread"})
        for path in ("_bulk", "_bulk/stream"):
            yield in_lines(method, f"{_PREFIX}/{path}", {"index": {"_index": index, "_id": "2"}}, {"title": "rye"})
            yield in_lines(method, f"{own}/{path}", {"index": {"_id": "3"}}, {"title": "rye bread"})
    yield sent("POST", f"{own}/_doc", {"title": "unnamed"}, X_Opaque_Id="an id")
    yield sent("POST", f"{own}/_update/1", {"doc": {"n": 1}})
    yield from plain("DELETE", f"{own}/_doc/2", f"{own}/_doc/none")
    for method in ("GET", "POST"):
        yield from plain(method, f"{own}/_refresh", f"{_PREFIX}/_refresh?index={index}")
    yield sent("POST", f"{own}/_delete_by_query?refresh=true", {"query": {"match": {"title": "unnamed"}}})
    yield sent("PUT", f"{own}/_settings", {"index": {"max_result_window": 9000}})
    yield sent("PUT", f"{_PREFIX}/_settings?index={index}", {"index": {"no.such": 1}})


def _aliases(index: str) -> Iterator[Request]:
    own = f"{_PREFIX}/{index}"
    yield sent("PUT", f"{_PREFIX}/_alias", {"index": index, "alias": f"{index}-1"})
    yield sent("PUT", f"{own}/_alias", {"alias": f"{index}-2"})
    yield sent("PUT", f"{own}/_aliases", {"alias": f"{index}-3"})
    for method in ("PUT", "POST"):
        for name in ("_alias", "_aliases"):
            yield sent(method, f"{_PREFIX}/{name}/{index}-4", {"index": index})
            yield sent(method, f"{own}/{name}/{index}-5", {})
    yield from plain("GET", f"{_PREFIX}/_alias", f"{_PREFIX}/_aliases", by_nature=True)
    yield from plain("GET", f"{_PREFIX}/_alias/{index}-1", f"{own}/_alias/{index}-2", f"{own}/_alias/none")
    yield from plain("HEAD", f"{_PREFIX}/_alias/{index}-1", f"{own}/_alias/{index}-2", f"{own}/_alias")


def _read(index: str) -> Iterator[Request]:
    own = f"{_PREFIX}/{index}"
    yield from plain("HEAD", own, f"{own}-none", f"{own}/_doc/1", f"{own}/_doc/none")
    yield from plain("GET", own, f"{own}-none", f"{own}/_alias", f"{own}/_doc/1", f"{own}/_doc/none")
    for method in ("GET", "POST"):
        yield sent(method, f"{_PREFIX}/_mget", {"docs": [{"_index": index, "_id": "1"}]})
        yield sent(method, f"{own}/_mget", {"ids": ["1", "none"]})
        yield sent(method, f"{own}/_search", _MATCH)
        yield sent(method, f"{_PREFIX}/_search?index={index}", _MATCH)
    nonsense = "bm9uc2Vuc2U="
    for method in ("GET", "POST", "DELETE"):
        yield sent(method, f"{_PREFIX}/_search/scroll", {"scroll_id": nonsense})
        yield Request(method, f"{_PREFIX}/_search/scroll/{nonsense}")
