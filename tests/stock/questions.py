"""An ordinary program with opensearch-py that asks questions, one a line; it knows nothing of gateways."""

import json
import sys

from opensearchpy import OpenSearch

url, index = sys.argv[1:]
client = OpenSearch(url, timeout=120)


def best(question: str) -> list[str]:
    body = {"query": {"match": {"text": question}}, "size": 10, "_source": False}
    return [hit["_id"] for hit in client.search(index=index, body=body)["hits"]["hits"]]


sys.stdout.write(json.dumps({line.strip(): best(line.strip()) for line in sys.stdin}))
