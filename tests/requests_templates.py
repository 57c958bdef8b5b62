"""Requests about templates, data streams, views and aliases: names for what is there, or will be."""

from collections.abc import Iterator

from csplade.tests.raw_request import Request, plain, sent

_FILTERED = {"term": {"kind": "food"}}


def aliases(index: str) -> Iterator[Request]:
    body = {"index": index, "alias": f"{index}-a1", "filter": _FILTERED}
    yield sent("PUT", "/_alias", body)
    for number, (method, name) in enumerate(
        (("PUT", "_alias"), ("POST", "_alias"), ("PUT", "_aliases"), ("POST", "_aliases"))
    ):
        yield sent(method, f"/{name}/{index}-b{number}", {"index": index})
        yield sent(method, f"/{index}/{name}/{index}-c{number}", {"filter": _FILTERED, "routing": "1"})
    yield sent("PUT", f"/{index}/_alias", {"alias": f"{index}-d1"})
    yield sent("PUT", f"/{index}/_aliases", {"alias": f"{index}-d2"})
    yield from plain("GET", "/_alias", "/_aliases", by_nature=True)
    yield from plain("GET", f"/_alias/{index}-b*", f"/{index}/_alias/{index}-c*,{index}-none", f"/{index}/_alias/none")
    yield from plain("HEAD", f"/{index}/_alias/{index}-c1", f"/{index}/_alias/none", f"/{index}/_alias")
    yield Request("GET", f"/{index}-c0/_count?q=*")
    yield from plain(
        "DELETE", f"/{index}/_aliases/{index}-b*", f"/{index}/_alias/{index}-c*", f"/{index}/_aliases/none"
    )
    yield from plain("DELETE", f"/{index}/_alias/{index}-a1,{index}-d1,{index}-d2")


def templates(index: str) -> Iterator[Request]:
    part = {"template": {"mappings": {"properties": {"at": {"type": "date"}}}}, "version": 3}
    for method in ("PUT", "POST"):
        yield sent(method, f"/_component_template/{index}-part", part)
    yield from plain("GET", f"/_component_template/{index}-part", f"/_component_template/{index}-*?flat_settings")
    yield from plain("HEAD", f"/_component_template/{index}-part", f"/_component_template/{index}-none")
    whole = {"index_patterns": [f"{index}-logs-*"], "composed_of": [f"{index}-part"], "priority": 900}
    for method in ("PUT", "POST"):
        yield sent(method, f"/_index_template/{index}-whole?create={str(method == 'PUT').lower()}", whole)
    yield from plain("HEAD", f"/_index_template/{index}-whole", f"/_index_template/{index}-none")
    yield from plain("GET", f"/_index_template/{index}-w*")
    yield from plain("GET", "/_index_template", "/_template", "/_component_template", by_nature=True)
    yield from plain(
        "POST", f"/_index_template/_simulate/{index}-whole", f"/_index_template/_simulate_index/{index}-logs-1"
    )
    yield sent("POST", "/_index_template/_simulate", {**whole, "index_patterns": [f"{index}-other-*"]})
    yield Request("DELETE", f"/_component_template/{index}-part")
    yield from plain("DELETE", f"/_index_template/{index}-whole", f"/_component_template/{index}-part")
    old = {"index_patterns": [f"{index}-old-*"], "order": 1, "settings": {"number_of_replicas": 0}}
    for method in ("PUT", "POST"):
        yield sent(method, f"/_template/{index}-old", old)
    yield from plain("HEAD", f"/_template/{index}-old", f"/_template/{index}-none")
    yield from plain("GET", f"/_template/{index}-old?flat_settings=true", f"/_cat/templates/{index}-old")
    yield from plain("DELETE", f"/_template/{index}-old", f"/_template/{index}-old")


def data_streams(index: str) -> Iterator[Request]:
    stream = f"{index}-stream"
    yield Request("PUT", f"/_data_stream/{stream}")
    template = {"index_patterns": [f"{stream}*"], "data_stream": {}, "priority": 901}
    yield sent("PUT", f"/_index_template/{stream}", {**template, "template": {"settings": {"number_of_replicas": 0}}})
    yield from plain("PUT", f"/_data_stream/{stream}", f"/_data_stream/{stream}")
    yield sent("POST", f"/{stream}/_doc?refresh=true", {"@timestamp": "2024-05-01T00:00:00Z", "n": 1}, X_Opaque_Id="s")
    yield sent("POST", f"/{stream}/_doc", {"n": 1})
    yield sent("POST", f"/{stream}/_search", {"query": {"range": {"@timestamp": {"gte": "2024-01-01"}}}})
    yield from plain("POST", f"/{stream}/_rollover?dry_run=true", f"/{stream}/_rollover")
    yield from plain("GET", f"/_data_stream/{stream}", f"/_data_stream/{stream}-none")
    yield from plain("GET", "/_data_stream", "/_data_stream/_stats", f"/_data_stream/{stream}/_stats", by_nature=True)
    yield sent("POST", "/_data_stream/_modify", {"actions": []})
    yield Request("GET", f"/_resolve/index/{stream}*")
    yield from plain("DELETE", f"/_data_stream/{stream}", f"/_data_stream/{stream}", f"/_index_template/{stream}")


def views(index: str) -> Iterator[Request]:
    # One that could be made is never answered by OpenSearch 3.8, so here are only those that cannot.
    view = {"name": f"{index}-view", "targets": [{"indexPattern": f"{index}*"}]}
    yield sent("POST", "/views", {"name": f"{index}-view", "targets": "all"})
    yield from plain("GET", "/views/", f"/views/{index}-view")
    yield sent("PUT", f"/views/{index}-view", view)
    for method in ("GET", "POST"):
        yield sent(method, f"/views/{index}-view/_search", {"query": {"match": {"text": "bread"}}})
    yield Request("DELETE", f"/views/{index}-view")
