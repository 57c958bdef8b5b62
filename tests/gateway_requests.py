"""More than 150 different requests to a cluster: each of the REST interfaces that the local server offers, and more.

They are sent in this order, once to the cluster and once through the gateway, to an index of the same name.
"""

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import orjson

JSON = "application/json"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Request:
    """One request; the body is sent as it is."""

    method: str
    target: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: tuple[bytes, ...] | None = None
    """The body in chunks, instead."""
    by_nature: bool = False
    """The answer differs from call to call: only its status, its headers and the names in it are compared."""

    def raw(self) -> bytes:
        """Return it as it is sent."""
        headers = {"Host": "cluster.example", **self.headers}
        if self.chunks is not None:
            headers["Transfer-Encoding"] = "chunked"
        elif self.body:
            headers.setdefault("Content-Length", str(len(self.body)))
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, "", ""]).encode()
        if self.chunks is None:
            return head + self.body
        return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*self.chunks, b""))


def sent(method: str, target: str, value: object, **headers: str) -> Request:
    """Return a request with a JSON body."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Request(method, target, orjson.dumps(value), {"Content-Type": JSON, **named})


def requests(index: str) -> list[Request]:
    """Return all of them."""
    parts = (_indexes, _documents, _writes_in_bulk, _searches, _spellings, _forms, _cluster, _stored, _refused, _ends)
    return [request for part in parts for request in part(index)]


_DOCUMENTS = [
    {"title": "Fresh bread", "text": "How to keep bread fresh for a week", "kind": "food", "price": 3},
    {"title": "Crème brûlée", "text": 'Eggs, cream; sugar "burnt" on top \\ 焦糖', "kind": "food", "price": 7},
    {"title": "Stale loaf", "text": "What to do with a stale loaf of bread", "kind": "waste", "price": 0},
]


def _indexes(index: str) -> Iterator[Request]:
    properties = {"title": {"type": "text"}, "text": {"type": "text"}, "kind": {"type": "keyword"}}
    yield sent(
        "PUT",
        f"/{index}",
        {
            # Refreshed when told only, so that the same documents lie in the same segments each time.
            "settings": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"},
            "mappings": {
                "properties": {**properties, "price": {"type": "integer"}, "weights": {"type": "rank_features"}}
            },
        },
    )
    yield sent("PUT", f"/{index}", {})
    yield Request("HEAD", f"/{index}")
    yield Request("HEAD", f"/{index}-none")
    yield Request("GET", f"/{index}/_mapping")
    yield Request("GET", f"/{index}/_mapping/field/title,price?include_defaults=true")
    yield sent("PUT", f"/{index}/_mapping", {"properties": {"note": {"type": "text", "analyzer": "english"}}})
    yield sent("PUT", f"/{index}/_mapping", {"properties": {"note": {"type": "integer"}}})
    yield Request("GET", f"/{index}/_settings?flat_settings=true")
    yield sent("PUT", f"/{index}/_settings", {"index": {"max_result_window": 9000}})
    yield sent("PUT", f"/{index}/_settings", {"index": {"number_of_shards": 3}})
    yield Request("PUT", f"/{index}/_alias/{index}-alias")
    yield Request("GET", f"/{index}/_alias")
    yield Request("HEAD", f"/_alias/{index}-alias")
    yield Request("GET", "/_alias/nothing-of-the-kind")
    yield sent("POST", "/_aliases", {"actions": [{"add": {"index": index, "alias": f"{index}-other"}}]})
    yield Request("DELETE", f"/{index}/_alias/{index}-other")
    yield Request("GET", f"/{index}-alias/_settings/index.number_*")
    yield sent("POST", f"/{index}/_analyze", {"field": "note", "text": "Running foxes"})
    yield sent("GET", "/_analyze", {"analyzer": "standard", "text": "Über alle Maßen"})
    yield Request("GET", f"/_resolve/index/{index}*")


def _documents(index: str) -> Iterator[Request]:
    for number, document in enumerate(_DOCUMENTS):
        yield sent("PUT", f"/{index}/_doc/{number}", document)
    yield sent("PUT", f"/{index}/_doc/a%2Fb", {"title": "a slash in the id"})
    yield sent("PUT", f"/{index}/_doc/a%20b+c", {"title": "a space and a plus"})
    yield sent("PUT", f"/{index}/_doc/%C3%BC%E7%84%A6", {"title": "letters"})
    yield sent("PUT", f"/{index}/_create/0", {"title": "again"})
    yield sent("PUT", f"/{index}/_create/new", {"title": "new"})
    yield sent("PUT", f"/{index}/_doc/0?if_seq_no=0&if_primary_term=99", {"title": "conflict"})
    yield sent("POST", f"/{index}/_update/2", {"doc": {"price": 1}})
    yield sent("POST", f"/{index}/_update/2?_source=true", {"script": {"source": "ctx._source.price += 2"}})
    yield sent("POST", f"/{index}/_update/none", {"doc": {"price": 1}})
    yield sent("POST", f"/{index}/_update/up", {"doc": {"price": 1}, "doc_as_upsert": True})
    yield Request("GET", f"/{index}/_doc/0")
    yield Request("HEAD", f"/{index}/_doc/0")
    yield Request("HEAD", f"/{index}/_doc/none")
    yield Request("GET", f"/{index}/_doc/a%2Fb")
    yield Request("GET", f"/{index}/_doc/a/b")
    yield Request("GET", f"/{index}/_doc/a%20b+c")
    yield Request("GET", f"/{index}/_doc/%c3%bc%e7%84%a6")
    yield Request("GET", f"/{index}/_doc/none")
    yield Request("GET", f"/{index}/_source/1")
    yield Request("GET", f"/{index}/_source/1?_source_includes=title")
    yield Request("HEAD", f"/{index}/_source/1")
    yield Request("GET", f"/{index}/_source/none")
    yield sent("POST", f"/{index}/_mget", {"ids": ["0", "1", "none"]})
    yield sent("GET", "/_mget", {"docs": [{"_index": index, "_id": "2", "_source": ["title"]}]})
    yield sent("GET", f"/{index}/_termvectors/0?fields=title", {})
    yield sent("POST", f"/{index}/_mtermvectors", {"ids": ["0", "1"], "parameters": {"fields": ["title"]}})
    yield Request("DELETE", f"/{index}/_doc/new")
    yield Request("DELETE", f"/{index}/_doc/new")
    yield Request("POST", f"/{index}/_refresh")
    yield Request("POST", f"/{index}/_flush?force=true")
    yield Request("POST", f"/{index}/_forcemerge?max_num_segments=1")
    yield Request("POST", f"/{index}/_cache/clear")


def _lines(*values: object) -> bytes:
    return b"".join(orjson.dumps(value) + b"\n" for value in values)


def _writes_in_bulk(index: str) -> Iterator[Request]:
    one = _lines({"index": {"_id": "b1"}}, {"title": "in bulk", "price": 5})
    mixed = _lines(
        {"index": {"_id": "b2"}}, {"title": "x" * 2000}, {"delete": {"_id": "none"}}, {"create": {"_id": "b1"}}, {}
    )
    yield Request("POST", f"/{index}/_bulk", one, {"Content-Type": NDJSON})
    yield Request("POST", f"/{index}/_bulk", mixed, {"Content-Type": NDJSON})
    yield Request("PUT", f"/{index}/_bulk?refresh=true", one, {"Content-Type": JSON})
    yield Request("POST", f"/{index}/_bulk", one[:-1], {"Content-Type": NDJSON})
    yield Request("POST", f"/{index}/_bulk", b"", {"Content-Type": NDJSON, "Content-Length": "0"})
    yield Request("POST", f"/{index}/_bulk", b"{broken\n{}\n", {"Content-Type": NDJSON})
    packed = {"Content-Type": NDJSON, "Content-Encoding": "gzip"}
    yield Request("POST", f"/{index}/_bulk?refresh", gzip.compress(mixed, mtime=0), packed)
    yield Request("POST", f"/{index}/_bulk", headers={"Content-Type": NDJSON}, chunks=(one[:7], one[7:20], one[20:]))
    large = _lines(*(part for n in range(300) for part in ({"index": {"_id": f"l{n}"}}, {"text": "y" * 900})))
    yield Request("POST", f"/{index}/_bulk?refresh=true&filter_path=errors", large, {"Content-Type": NDJSON})
    yield Request("POST", f"/{index}/_search?size=300&q=text:*", headers={"Accept-Encoding": "gzip"})
    yield Request("POST", f"/{index}/_search?size=300&filter_path=hits", headers={"Accept-Encoding": "gzip"})
    yield Request("POST", f"/{index}/_search?size=300")
    yield sent("POST", f"/{index}/_delete_by_query?refresh=true", {"query": {"prefix": {"_id": "l"}}})
    yield sent("POST", f"/{index}/_update_by_query?refresh=true", {"query": {"term": {"kind": "waste"}}})


def _searches(index: str) -> Iterator[Request]:
    match: dict[str, object] = {"query": {"match": {"text": "bread"}}}
    bodies: list[dict[str, object]] = [
        {},
        match,
        {**match, "explain": True},
        {**match, "highlight": {"fields": {"text": {}}}},
        {**match, "sort": [{"price": "desc"}], "track_scores": True},
        {**match, "from": 1, "size": 1, "version": True, "seq_no_primary_term": True},
        {**match, "_source": False, "fields": ["title"], "docvalue_fields": ["price"]},
        {**match, "min_score": 0.5, "track_total_hits": False},
        {"query": {"bool": {"must": [match["query"]], "filter": [{"term": {"kind": "food"}}]}}},
        {"query": {"multi_match": {"query": "stale bread", "fields": ["title^2", "text"], "type": "cross_fields"}}},
        {"query": {"query_string": {"query": "title:bread OR (stale AND loaf)"}}},
        {"query": {"simple_query_string": {"query": '"fresh bread" -stale', "fields": ["title", "text"]}}},
        {"query": {"function_score": {"query": match["query"], "field_value_factor": {"field": "price"}}}},
        {"query": {"dis_max": {"queries": [match["query"], {"match": {"title": "bread"}}]}}},
        {"query": {"match_phrase": {"text": {"query": "keep fresh", "slop": 2}}}},
        {"query": {"script_score": {"query": {"match_all": {}}, "script": {"source": "_score * 2"}}}},
        {"query": {"more_like_this": {"fields": ["text"], "like": "bread", "min_term_freq": 1, "min_doc_freq": 1}}},
        {"size": 0, "aggs": {"kinds": {"terms": {"field": "kind"}, "aggs": {"most": {"max": {"field": "price"}}}}}},
        {"size": 0, "aggs": {"prices": {"histogram": {"field": "price", "interval": 2}}}},
        {"suggest": {"s": {"text": "bred", "term": {"field": "title"}}}},
        {"collapse": {"field": "kind"}, "query": {"exists": {"field": "kind"}}},
        {"query": match["query"], "rescore": {"window_size": 5, "query": {"rescore_query": {"match_all": {}}}}},
        {"query": {"match": {"text": {"query": "bread", "typo": 1}}}},
        {"query": {"nothing": {}}},
        {"size": -1},
    ]
    for body in bodies:
        yield sent("POST", f"/{index}/_search", body)
    yield sent("GET", f"/{index}/_search", match)
    yield sent("POST", f"/{index}/_count", match)
    yield Request("GET", f"/{index}/_count?q=title:bread")
    yield sent("POST", f"/{index}/_validate/query?explain=true", match)
    yield sent("GET", f"/{index}/_explain/0", match)
    yield sent("POST", f"/{index}/_field_caps?fields=*", {})
    yield Request("GET", f"/{index}/_search_shards", by_nature=True)
    lines = _lines({}, match, {"index": f"{index}-none"}, match, {"index": index}, {"query": {"nothing": {}}})
    yield Request("POST", f"/{index}/_msearch", lines, {"Content-Type": NDJSON})
    template = {"source": {"query": {"match": {"text": "{{q}}"}}}, "params": {"q": "bread"}}
    yield sent("POST", f"/{index}/_search/template", template)
    yield sent("POST", "/_render/template", template)
    yield sent("POST", f"/{index}/_search?scroll=1m&size=1", match, X_Opaque_Id="scroller")
    yield sent("POST", "/_search/scroll", {"scroll_id": "bm9uc2Vuc2U="})
    yield Request("DELETE", "/_search/scroll/_all")
    yield Request("POST", f"/{index}/_search/point_in_time?keep_alive=1m", by_nature=True)
    yield Request("DELETE", "/_search/point_in_time/_all", by_nature=True)
    rated = {"id": "r", "request": match, "ratings": [{"_index": index, "_id": "0", "rating": 1}]}
    yield sent("POST", f"/{index}/_rank_eval", {"requests": [rated], "metric": {"precision": {"k": 3}}})


def _spellings(index: str) -> Iterator[Request]:
    for target in (
        f"/{index}/_search?q=title:bread&pretty",
        f"/{index}/_search?q=title%3Abread&pretty=false",
        f"/{index}/_search?q=br%C3%BBl%C3%A9e",
        f"/{index}/_search?q=a+b&q=c%20d",
        f"/{index}/_search?&&size=1&",
        f"/{index}/_search?size=1&filter_path=hits.total,hits.hits._id",
        f"/{index}/_search?source=%7B%22size%22%3A1%7D&source_content_type=application/json",
        f"/{index}/_search?unknown=1",
        f"/{index}/_search?size=many",
        f"/{index}/_search?q=%",
        f"/{index}/_search/",
        f"//{index}/_search",
        f"/{index}//_search",
        f"/./{index}/_search",
        f"/{index}/../_cluster/health",
        f"/%2e%2e/{index}",
        f"/{index};a=b/_search",
        f"/{index},{index}-none/_search?ignore_unavailable=true",
        f"/{index[:-3]}*/_search?size=0",
        "/%3Clogs-%7Bnow%2Fd%7D%3E/_search?ignore_unavailable=true",
        "/_nothing",
        "/_csplad",
        "/" + "a" * 3000,
    ):
        yield Request("GET", target)
    yield Request("GET", f"/{index}/_search?error_trace=true&size=many", by_nature=True)
    for method in ("OPTIONS", "PATCH", "DELETE"):
        yield Request(method, f"/{index}/_search")


def _forms(index: str) -> Iterator[Request]:
    body = b'{"query":{"match":{"text":"bread"}}}'
    for name, value in (
        ("Accept", "application/yaml"),
        ("Accept", "application/cbor"),
        ("Accept", "application/smile"),
        ("Accept", "text/nothing"),
        ("Accept-Encoding", "gzip"),
        ("Accept-Encoding", "deflate"),
        ("Accept-Encoding", "br, gzip;q=0.5"),
        ("X-Opaque-Id", "somebody-17"),
        ("Authorization", "Basic eDp5"),
        ("Cookie", "a=b; c=d"),
        ("Origin", "https://elsewhere.example"),
        ("X-Forwarded-For", "10.1.2.3"),
        ("User-Agent", "a caller/1.0 (tests)"),
        ("If-None-Match", '"etag"'),
        ("Range", "bytes=0-9"),
        ("Expect", "100-continue"),
        ("x-ODD-case", "  spaces around  "),
        ("Upgrade", "h2c"),
    ):
        # Without what differs from call to call, so that compressed and binary answers are the same too.
        yield Request("POST", f"/{index}/_search?filter_path=hits", body, {"Content-Type": JSON, name: value})
    for kind in ("application/json; charset=UTF-8", "application/yaml", "text/plain", "nonsense", "application/cbor"):
        yield Request("POST", f"/{index}/_search", body, {"Content-Type": kind})
    yield Request("POST", f"/{index}/_search", body)
    packed = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    yield Request("POST", f"/{index}/_search", gzip.compress(body, mtime=0), packed)
    yield Request(
        "POST",
        f"/{index}/_search?filter_path=hits",
        gzip.compress(body, mtime=0),
        {**packed, "Accept-Encoding": "gzip"},
    )
    yield Request(
        "POST",
        f"/{index}/_search",
        headers={"Content-Type": JSON},
        chunks=tuple(body[n : n + 1] for n in range(len(body))),
    )
    yield Request("GET", f"/{index}/_search", headers={"Content-Type": JSON}, chunks=(body,))
    yield Request("GET", f"/{index}/_search", b"---\nquery:\n  match_all: {}\n", {"Content-Type": "application/yaml"})
    yield Request("GET", f"/{index}/_search?format=yaml")


def _cluster(index: str) -> Iterator[Request]:
    yield Request("GET", "/")
    yield Request("HEAD", "/")
    yield Request("GET", "/?pretty")
    for target in (
        *("/_cat", "/_cat/aliases?v", "/_cat/templates?v", "/_cat/plugins", "/_cat/nodeattrs?v&h=node,attr"),
        *(f"/_cat/count/{index}?h=count", f"/_cat/indices/{index}?h=index,pri,rep,status", "/_cat/health?help"),
        f"/_cat/shards/{index}?h=index,shard,prirep,state",
        *("/_cat/master?h=node", "/_cat/nodes?h=name,master", "/_cat/repositories", "/_cat/nothing"),
        *("/_cat/thread_pool?h=name,type&s=name", "/_cat/indices?help", "/_cluster/settings", "/_cluster/nothing"),
        *(f"/_cluster/health/{index}?filter_path=status,timed_out", "/_cluster/state/blocks?filter_path=blocks"),
        *("/_remote/info", "/_ingest/processor/grok?s=true", "/_snapshot", "/_script_context", "/_script_language"),
        *(
            "/_component_template",
            "/_scripts/none",
            "/_ingest/pipeline/none",
            "/_template/none",
            "/_index_template/none",
        ),
    ):
        yield Request("GET", target)
    for target in (
        *("/_nodes", "/_nodes/stats/os", "/_nodes/_local/settings", "/_cluster/stats", "/_cluster/state/version"),
        *("/_tasks", "/_cat/tasks", "/_cluster/pending_tasks", f"/{index}/_stats", f"/{index}/_recovery"),
        *(
            f"/{index}/_segments",
            "/_cat/allocation",
            "/_cat/fielddata",
            "/_nodes/usage",
            f"/{index}",
            f"/_cat/segments/{index}",
        ),
    ):
        yield Request("GET", target, by_nature=True)
    yield sent("PUT", "/_cluster/settings", {"transient": {"indices.recovery.max_bytes_per_sec": "41mb"}})
    yield sent("PUT", "/_cluster/settings", {"transient": {"indices.recovery.max_bytes_per_sec": None}})
    yield sent("PUT", "/_cluster/settings", {"transient": {"no.such": 1}})
    yield sent("POST", "/_cluster/reroute?metric=none", {})
    yield Request("GET", f"/_cluster/allocation/explain?index={index}")


def _stored(index: str) -> Iterator[Request]:
    script = {"script": {"lang": "mustache", "source": {"query": {"match": {"text": "{{q}}"}}}}}
    yield sent("PUT", f"/_scripts/{index}-s", script)
    yield Request("GET", f"/_scripts/{index}-s")
    yield sent("POST", f"/{index}/_search/template", {"id": f"{index}-s", "params": {"q": "loaf"}})
    lines = _lines({}, {"id": f"{index}-s", "params": {"q": "bread"}})
    yield Request("POST", f"/{index}/_msearch/template", lines, {"Content-Type": NDJSON})
    yield Request("DELETE", f"/_scripts/{index}-s")
    processors = [{"lowercase": {"field": "kind"}}]
    yield sent("PUT", f"/_ingest/pipeline/{index}-p", {"processors": processors})
    yield Request("GET", f"/_ingest/pipeline/{index}-p")
    yield sent("PUT", f"/{index}/_doc/piped?pipeline={index}-p&refresh=true", {"kind": "LOUD"})
    yield Request("GET", f"/{index}/_doc/piped")
    simulated = {"pipeline": {"processors": processors}, "docs": [{"_source": {"price": 1}}]}
    yield Request(
        "POST", "/_ingest/pipeline/_simulate", orjson.dumps(simulated), {"Content-Type": JSON}, by_nature=True
    )
    yield Request("DELETE", f"/_ingest/pipeline/{index}-p")
    yield sent("PUT", f"/_index_template/{index}-t", {"index_patterns": [f"{index}-none-*"], "template": {}})
    yield Request("GET", f"/_index_template/{index}-t")
    yield Request("DELETE", f"/_index_template/{index}-t")
    yield sent("POST", "/_scripts/painless/_execute", {"script": {"source": "1 + 1"}})
    yield sent("POST", "/_reindex?refresh=true", {"source": {"index": index}, "dest": {"index": f"{index}-copy"}})
    yield Request("GET", f"/{index}-copy/_count")
    yield Request("DELETE", f"/{index}-copy")


def _refused(index: str) -> Iterator[Request]:
    for body in (
        b"{",
        b"[]",
        b"nonsense",
        b'{"query":',
        b'{"a":1}{"b":2}',
        b"\xff\xfe",
        b"null",
        b'{"size":1,"size":2}',
    ):
        yield Request("POST", f"/{index}/_search", body, {"Content-Type": JSON})
    yield sent("PUT", "/UPPER", {})
    yield sent("PUT", "/_bad", {})
    yield sent("POST", "/_search/scroll", {})
    yield Request("POST", f"/{index}-none/_search")
    yield Request("POST", "/_msearch", b"", {"Content-Type": NDJSON, "Content-Length": "0"})
    yield Request("GET", f"/{index}/_doc")
    yield Request("PUT", f"/{index}/_doc/9", b"")


def _ends(index: str) -> Iterator[Request]:
    yield Request("POST", f"/{index}/_close")
    yield Request("POST", f"/{index}/_search")
    yield Request("POST", f"/{index}/_open")
    yield Request("DELETE", f"/{index}")
    yield Request("DELETE", f"/{index}")
