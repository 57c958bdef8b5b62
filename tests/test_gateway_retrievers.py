"""Retrievers of frameworks that ask by BM25: the same program against the cluster, and through the gateway."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.tests.cluster_lines import MARK, LineServers
from csplade.tests.gateway_installs import python_packages
from csplade.tests.gateway_programs import Program, compare, weighed_hits
from csplade.tests.gateway_searches import DOCUMENTS, Json
from csplade.tests.gateway_words import rewriting
from csplade.tests.rewrite_index import documents
from opensearchpy import OpenSearch

# Their packages take minutes to fetch.
pytestmark = [pytest.mark.cluster, getattr(pytest.mark, MARK)]

LANGCHAIN = ("langchain-community>=0.4,<0.5", "langchain-elasticsearch>=1,<2")
PROGRAMS = {
    "langchain": Program("langchain_bm25.py", "elasticsearch-9.2", python_packages, LANGCHAIN),
    "haystack": Program("haystack_bm25.py", "opensearch-3.8", python_packages, ("opensearch-haystack>=9,<10",)),
}


@contextmanager
def filled(client: OpenSearch, field_type: str) -> Iterator[str]:
    """Give the name of an index like those that the frameworks make: a text in `content`, and facts about it.

    LangChain keeps these in `metadata`; Haystack takes all other fields for them.
    """
    index = f"test-{uuid4().hex}"
    properties = {"content": {"type": "text"}, "csplade_terms": {"type": field_type}}
    body: Json = {"settings": {"number_of_replicas": 0}, "mappings": {"properties": properties}}
    client.indices.create(index=index, body=body)
    lines: list[Json] = []
    for name, source in documents(DOCUMENTS):
        facts = {"name": name, "year": source["year"]}
        weights = {"csplade_terms": source["csplade_terms"]} if "csplade_terms" in source else {}
        content = f"{source.get('title', '')} {source.get('text', '')}"
        lines += [{"index": {"_id": name}}, {"content": content, "metadata": facts, **facts, **weights}]
    assert not client.bulk(index=index, body=lines, params={"refresh": "true"})["errors"]
    try:
        yield index
    finally:
        client.indices.delete(index=index)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_retriever_needs_no_change(line_servers: LineServers, name: str) -> None:
    program = PROGRAMS[name]
    url = line_servers.url(program.line)
    client, dialect = connect(url), read_dialect(connect(url))
    weights = {name: source.get("csplade_terms", {}) for name, source in documents(DOCUMENTS)}
    with filled(client, dialect.field_type) as index:
        weighed = [{"field": "csplade_terms", "covers": ["content"]}]
        rules = {"pattern": index, "mode": "anchored", "weights": weighed, "default_fields": ["content"]}
        with rewriting(url, {"index": [rules], "gateway": {"deadline_ms": 10_000}}) as gateway:
            compare(program.run(url, index), program.run(gateway.url, index), weights)
        assert weighed_hits(client, index, dialect) == ["stock"]
