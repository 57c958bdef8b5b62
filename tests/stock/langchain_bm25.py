"""An ordinary program with LangChain's two ways to ask Elasticsearch by BM25; it knows nothing of gateways."""

import json
import sys

from elasticsearch import Elasticsearch  # type: ignore[import-not-found]  # fetched by the tests
from langchain_community.retrievers import ElasticSearchBM25Retriever  # type: ignore[import-not-found]
from langchain_elasticsearch import BM25Strategy, ElasticsearchStore  # type: ignore[import-not-found]

TEXT = "fresh salted bread"
url, index = sys.argv[1:]
client = Elasticsearch(url, request_timeout=120)
retriever = ElasticSearchBM25Retriever(client=client, index_name=index)
store = ElasticsearchStore(index, client=client, strategy=BM25Strategy(), query_field="content")

found = store.similarity_search_with_score(TEXT, k=20)
filters = [{"range": {"metadata.year": {"gte": 1995}}}]
filtered = store.similarity_search(TEXT, k=1000, filter=filters)
(written,) = store.add_texts(["written by a stock client"], [{"year": 2001}], ids=["stock"])

same = {
    "found": len(found),
    "retrieved": len(retriever.invoke(TEXT)),
    "filtered": sorted(document.metadata["name"] for document in filtered),
    "written": written,
    "got": [document.page_content for document in store.similarity_search("written")],
}
ids = [document.metadata["name"] for document, _ in found]
answers = {"documents": [[document.metadata, score] for document, score in found]}
shown = {document.metadata["name"]: document.page_content for document, _ in found}
sys.stdout.write(json.dumps({"ids": ids, "shown": shown, "same": same, "answers": answers}))
