"""A cluster before and after the demo."""

from collections.abc import Iterator
from contextlib import contextmanager

from csplade.commands.demo_index import INDEX
from csplade.integration.client import connect
from opensearchpy import OpenSearch


@contextmanager
def without_demo_index(url: str) -> Iterator[OpenSearch]:
    """Connect to a server that has no demo index, and leave it so."""
    client = connect(url)
    client.indices.delete(index=INDEX, params={"ignore_unavailable": "true"})
    try:
        yield client
    finally:
        client.indices.delete(index=INDEX, params={"ignore_unavailable": "true"})
