"""An ordinary program with elasticsearch-py 7; it knows nothing of gateways."""

import json
import sys

from elasticsearch import Elasticsearch, RequestError  # type: ignore[import-not-found]  # fetched by the tests
from elasticsearch.helpers import bulk, scan  # type: ignore[import-not-found]

url, index = sys.argv[1:]
client = Elasticsearch([url], timeout=120)
text = {"match": {"text": "fresh salted bread"}}
filtered = {"bool": {"must": [text], "filter": [{"range": {"year": {"gte": 1995}}}]}}
langs = {"langs": {"terms": {"field": "lang"}}}
body = {"query": filtered, "aggs": langs, "size": 20, "highlight": {"fields": {"text": {}}}}

found = client.search(index=index, body=body)
several = client.msearch(body=[{"index": index}, {"query": text}, {"index": index}, {"query": filtered, "size": 0}])
page = client.search(index=index, body={"query": text, "size": 9}, scroll="1m")
paged: list[str] = []
while page["hits"]["hits"]:
    paged += [hit["_id"] for hit in page["hits"]["hits"]]
    page = client.scroll(scroll_id=page["_scroll_id"], scroll="1m")
client.clear_scroll(scroll_id=page["_scroll_id"])
scanned = [hit["_id"] for hit in scan(client, index=index, query={"query": text}, size=7, preserve_order=True)]
written, errors = bulk(client, [{"_id": "stock", "text": "written by a stock client", "year": 2001}], index=index)
client.indices.refresh(index=index)
try:
    client.search(index=index, body={"query": {"nonsense": {}}})
except RequestError as error:
    refused = [type(error).__name__, error.status_code]

answers = {"search": found, "several": several, "page": page}
same = {
    "total": found["hits"]["total"],
    "aggregations": found["aggregations"],
    "totals": [each["hits"]["total"] for each in several["responses"]],
    "count": client.count(index=index, body={"query": text})["count"],
    "paged": sorted(paged),
    "scanned": sorted(scanned),
    "written": [written, errors],
    "got": client.get(index=index, id="stock", _source_includes=["text", "year"])["_source"],
    "refused": refused,
}
shown = {hit["_id"]: hit["highlight"]["text"] for hit in found["hits"]["hits"]}
ids = [hit["_id"] for hit in found["hits"]["hits"]]
sys.stdout.write(json.dumps({"ids": ids, "shown": shown, "same": same, "answers": answers}))
