"""An ordinary program in the style of opensearch-dsl, which opensearch-py carries; it knows nothing of gateways."""

import json
import sys

from opensearchpy import A, Document, Keyword, MultiSearch, OpenSearch, Q, Search, Text
from opensearchpy.exceptions import RequestError

url, index = sys.argv[1:]
client = OpenSearch(url, timeout=120)
text = Q("match", text="fresh salted bread")
search = Search(using=client, index=index).query(text).filter("range", year={"gte": 1995})
search = search.highlight("text").source(["title", "text", "year"])
search.aggs.bucket("langs", A("terms", field="lang")).metric("newest", "max", field="year")
either = Search(using=client, index=index).query(text | Q("match", title="rye loaf")).exclude("term", lang="fr")


class Recipe(Document):
    text = Text()
    lang = Keyword()


found = search[:20].execute()
several = MultiSearch(using=client, index=index).add(search[:5]).add(either[:0]).execute()
Recipe(meta={"id": "stock"}, text="written by a stock client", lang="en").save(client, index, refresh=True)
try:
    search.filter("range", year={"gte": "soon"}).execute()
except RequestError as error:
    refused = [type(error).__name__, error.status_code]

answers = {"search": found.to_dict(), "several": [each.to_dict() for each in several]}
same = {
    "total": found.hits.total.to_dict(),
    "aggregations": found.aggs.to_dict(),
    "totals": [each.hits.total.to_dict() for each in several],
    "counts": [search.count(), either.count()],
    "scanned": sorted(hit.meta.id for hit in either.scan()),
    "got": Recipe.get("stock", client, index).text,
    "refused": refused,
}
shown = {hit.meta.id: list(hit.meta.highlight.text) for hit in found}
ids = [hit.meta.id for hit in found]
sys.stdout.write(json.dumps({"ids": ids, "shown": shown, "same": same, "answers": answers}))
