"""An ordinary program with elasticsearch-py 9; it knows nothing of gateways."""

import json
import sys

from elasticsearch import ApiError, Elasticsearch  # type: ignore[import-not-found]  # fetched by the tests
from elasticsearch.helpers import bulk, scan  # type: ignore[import-not-found]

url, index = sys.argv[1:]
client = Elasticsearch(url, request_timeout=120)
text = {"match": {"text": "fresh salted bread"}}
filtered = {"bool": {"must": [text], "filter": [{"range": {"year": {"gte": 1995}}}]}}
langs = {"langs": {"terms": {"field": "lang"}}}

found = client.search(index=index, query=filtered, aggs=langs, size=20, highlight={"fields": {"text": {}}})
several = client.msearch(searches=[{"index": index}, {"query": text}, {"index": index}, {"query": filtered, "size": 0}])
pit = client.open_point_in_time(index=index, keep_alive="1m")["id"]
paged: list[str] = []
after = None
while True:
    sort = ["_score", {"_shard_doc": "asc"}]
    page = client.search(query=text, size=9, pit={"id": pit}, sort=sort, search_after=after)
    # Each answer may give it another id.
    pit = page["pit_id"]
    if not page["hits"]["hits"]:
        break
    paged += [hit["_id"] for hit in page["hits"]["hits"]]
    after = page["hits"]["hits"][-1]["sort"]
client.close_point_in_time(id=pit)
scanned = [hit["_id"] for hit in scan(client, index=index, query={"query": text}, size=7, preserve_order=True)]
written, errors = bulk(client, [{"_id": "stock", "text": "written by a stock client", "year": 2001}], index=index)
client.indices.refresh(index=index)
try:
    client.search(index=index, query={"nonsense": {}})
except ApiError as error:
    refused = [type(error).__name__, error.status_code]

answers = {"search": found.body, "several": several.body, "page": page.body}
same = {
    "total": found["hits"]["total"],
    "aggregations": found["aggregations"],
    "totals": [each["hits"]["total"] for each in several["responses"]],
    "count": client.count(index=index, query=text)["count"],
    "paged": sorted(paged),
    "scanned": sorted(scanned),
    "written": [written, errors],
    "got": client.get(index=index, id="stock", source_includes=["text", "year"])["_source"],
    "refused": refused,
}
shown = {hit["_id"]: hit["highlight"]["text"] for hit in found["hits"]["hits"]}
ids = [hit["_id"] for hit in found["hits"]["hits"]]
sys.stdout.write(json.dumps({"ids": ids, "shown": shown, "same": same, "answers": answers}))
