"""Requests about what a cluster keeps beside its indexes: scripts, pipelines, templates."""

from collections.abc import Iterator

import orjson
from csplade.tests.raw_request import JSON, Request, in_lines, sent


def stored(index: str) -> Iterator[Request]:
    script = {"script": {"lang": "mustache", "source": {"query": {"match": {"text": "{{q}}"}}}}}
    yield sent("PUT", f"/_scripts/{index}-s", script)
    yield Request("GET", f"/_scripts/{index}-s")
    yield sent("POST", f"/{index}/_search/template", {"id": f"{index}-s", "params": {"q": "loaf"}})
    yield in_lines("POST", f"/{index}/_msearch/template", {}, {"id": f"{index}-s", "params": {"q": "bread"}})
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
