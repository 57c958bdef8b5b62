"""An ordinary program with Haystack's BM25 retriever for OpenSearch; it knows nothing of gateways."""

import json
import sys

from haystack import Document, Pipeline
from haystack.document_stores.types import DuplicatePolicy
from haystack_integrations.components.retrievers.opensearch import (  # type: ignore[import-not-found]  # by the tests
    OpenSearchBM25Retriever,
)
from haystack_integrations.document_stores.opensearch import (  # type: ignore[import-not-found]
    OpenSearchDocumentStore,
)

TEXT = "fresh salted bread"
url, index = sys.argv[1:]
store = OpenSearchDocumentStore(hosts=url, index=index, create_index=False, timeout=120)
pipeline = Pipeline()
pipeline.add_component("retriever", OpenSearchBM25Retriever(document_store=store, top_k=20))
retriever = OpenSearchBM25Retriever(document_store=store, top_k=1000)
recent = {"field": "meta.year", "operator": ">=", "value": 1995}

found = pipeline.run({"retriever": {"query": TEXT}})["retriever"]["documents"]
filtered = retriever.run(query=TEXT, filters=recent)["documents"]
every = retriever.run(query=TEXT, all_terms_must_match=True)["documents"]
written = store.write_documents(
    [Document(id="stock", content="written by a stock client", meta={"year": 2001})], DuplicatePolicy.OVERWRITE
)

same = {
    "found": len(found),
    "filtered": sorted(document.meta["name"] for document in filtered),
    "every": sorted(document.meta["name"] for document in every),
    "written": written,
    "counted": store.count_documents_by_filter(recent),
}
answers = {"documents": [{**document.to_dict(), "csplade_terms": None} for document in found]}
shown = {document.meta["name"]: document.content for document in found}
ids = [document.meta["name"] for document in found]
sys.stdout.write(json.dumps({"ids": ids, "shown": shown, "same": same, "answers": answers}))
