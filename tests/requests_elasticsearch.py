"""Requests to what only Elasticsearch has, or has under another path."""

from collections.abc import Iterator

from csplade.tests.raw_request import Request, plain, sent

_OF_8 = "application/vnd.elasticsearch+json;compatible-with=8"
_MATCH: dict[str, object] = {"query": {"match": {"text": "bread"}}}


def searches(index: str) -> Iterator[Request]:
    other = f"{index}-vectors"
    settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"}
    kinds = {"v": {"type": "dense_vector", "dims": 2, "similarity": "l2_norm"}, "w": {"type": "sparse_vector"}}
    yield sent("PUT", f"/{other}", {"settings": settings, "mappings": {"properties": kinds}})
    for number in range(3):
        document = {"v": [number, 1], "w": {"bread": 1.5 + number}}
        yield sent("PUT", f"/{other}/_doc/{number}?refresh={str(number == 2).lower()}", document)
    nearest = {"field": "v", "query_vector": [2, 1], "k": 2, "num_candidates": 3}
    weighed = {"sparse_vector": {"field": "w", "query_vector": {"bread": 2.0}}}
    yield sent("POST", f"/{other}/_search", {"knn": nearest})
    yield sent("POST", f"/{other}/_search", {"query": weighed, "knn": nearest})
    yield sent("POST", f"/{other}/_search?_source_exclude_vectors=false", {"query": weighed})
    yield sent("POST", f"/{other}/_search", {"retriever": {"standard": _MATCH}})
    for method in ("GET", "POST"):
        # Only those see it who speak as version 8 does.
        yield sent(method, f"/{other}/_knn_search", {"knn": nearest}, Accept=_OF_8, Content_Type=_OF_8)
        yield sent(method, f"/{index}/_terms_enum", {"field": "kind", "string": "fo"})
        yield from plain(method, f"/{index}/_reload_search_analyzers")
    yield Request("DELETE", f"/{other}")
    yield from plain("POST", f"/{index}/_pit?keep_alive=1m", "/_pit?keep_alive=1m", by_nature=True)
    yield sent("DELETE", "/_pit", {"id": "bm9uc2Vuc2U="})


def synonyms(index: str) -> Iterator[Request]:
    """Yield requests to a store that wants an index of the system's, in the least harmful form."""
    one = f"/_synonyms/{index}-set"
    yield from plain("GET", "/_synonyms", one, f"{one}/rule", by_nature=True)
    yield sent("PUT", one, {"synonyms_set": "none"})
    yield sent("PUT", f"{one}/rule", {"synonyms": 3})
    yield from plain("DELETE", one, f"{one}/rule", by_nature=True)


def indexes(index: str) -> Iterator[Request]:
    yield from plain("PUT", f"/{index}/_block/write")
    yield from plain("DELETE", f"/{index}/_block/write", f"/{index}/_block/nothing")
    yield from plain("POST", f"/{index}/_disk_usage", f"/{index}/_disk_usage?run_expensive_tasks=true", by_nature=True)
    yield from plain("GET", f"/{index}/_field_usage_stats", by_nature=True)
    yield from plain("GET", "/_resolve/cluster", "/_resolve/cluster/none", f"/_resolve/cluster/{index}")
    body = {"docs": [{"_index": index, "_id": "1", "_source": {"title": "simulated"}}]}
    for method in ("GET", "POST"):
        yield sent(method, "/_ingest/_simulate", body)
        yield sent(method, f"/_ingest/{index}/_simulate", body)


def licences(_index: str) -> Iterator[Request]:
    yield from plain("GET", "/_license", "/_license/basic_status", "/_license/trial_status", by_nature=True)
    yield from plain("GET", "/_license/feature_usage", by_nature=True)
    yield from plain("POST", "/_license/start_basic", "/_license/start_trial", by_nature=True)
    for method in ("PUT", "POST"):
        yield sent(method, "/_license", {"licenses": []})
    yield from plain("GET", "/_xpack", "/_xpack?categories=features&human=false", "/_xpack/usage", by_nature=True)
    yield from plain("HEAD", "/_xpack")


def cluster(index: str) -> Iterator[Request]:
    yield from plain("GET", f"/_cat/component_templates/{index}*?v", "/_features", "/_capabilities?path=/_search")
    yield from plain("GET", "/_cat/component_templates?v", "/_info/http", "/_info/nothing", by_nature=True)
    yield from plain("GET", "/_health_report?verbose=false", "/_health_report/disk", by_nature=True)
    yield from plain("POST", "/_features/_reset", by_nature=True)
    yield from plain("POST", "/_internal/prevalidate_node_removal?names=nobody", by_nature=True)
    yield from plain("GET", "/_internal/desired_balance", by_nature=True)
    yield from plain("DELETE", "/_internal/desired_balance")
    nodes = "/_internal/desired_nodes"
    yield sent("PUT", f"{nodes}/one/1", {"nodes": []})
    yield from plain("GET", f"{nodes}/_latest")
    yield from plain("DELETE", nodes)


def absent(index: str) -> Iterator[Request]:
    """Yield requests to modules that the archive of Maven Central does not hold."""
    yield sent("POST", f"/{index}/_async_search", _MATCH)
    yield from plain("GET", "/_async_search/bm9uc2Vuc2U=", "/_async_search/status/bm9uc2Vuc2U=")
    yield sent("POST", "/_query", {"query": f"FROM {index} | LIMIT 1"})
    yield sent("POST", "/_sql?format=txt", {"query": f'SELECT * FROM "{index}"'})
    yield sent("POST", f"/{index}/_eql/search", {"query": "any where true"})
    yield from plain("GET", "/_security/_authenticate", "/_ilm/policy", "/_transform", "/_ml/info", "/_inference")
