"""Requests that write and read documents, alone or many at once."""

import gzip
from collections.abc import Iterator

from csplade.tests.raw_request import JSON, NDJSON, Request, lines, sent

_DOCUMENTS = [
    {"title": "Fresh bread", "text": "How to keep bread fresh for a week", "kind": "food", "price": 3},
    {"title": "Crème brûlée", "text": 'Eggs, cream; sugar "burnt" on top \\ 焦糖', "kind": "food", "price": 7},
    {"title": "Stale loaf", "text": "What to do with a stale loaf of bread", "kind": "waste", "price": 0},
]


def documents(index: str) -> Iterator[Request]:
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


def writes_in_bulk(index: str) -> Iterator[Request]:
    one = lines({"index": {"_id": "b1"}}, {"title": "in bulk", "price": 5})
    mixed = lines(
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
    large = lines(*(part for n in range(300) for part in ({"index": {"_id": f"l{n}"}}, {"text": "y" * 900})))
    yield Request("POST", f"/{index}/_bulk?refresh=true&filter_path=errors", large, {"Content-Type": NDJSON})
    yield Request("POST", f"/{index}/_search?size=300&q=text:*", headers={"Accept-Encoding": "gzip"})
    yield Request("POST", f"/{index}/_search?size=300&filter_path=hits", headers={"Accept-Encoding": "gzip"})
    yield Request("POST", f"/{index}/_search?size=300")
    yield sent("POST", f"/{index}/_delete_by_query?refresh=true", {"query": {"prefix": {"_id": "l"}}})
    yield sent("POST", f"/{index}/_update_by_query?refresh=true", {"query": {"term": {"kind": "waste"}}})
