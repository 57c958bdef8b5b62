"""Real servers for tests: folders that a server's user can enter, nodes that are stopped, and what all of them can."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from csplade.integration.account import server_account
from csplade.integration.client import connect
from csplade.integration.node import Node, NodeOptions, start, stop
from csplade.integration.node_launch import prepare
from csplade.integration.places import find_places, make_places
from csplade.integration.servers import Server

# Few enough significant bits that no server rounds them.
_DOCUMENTS = {"a": {"bread": 20.0, "oven": 0.5}, "b": {"bread": 1.5, "salt": 96.0}, "c": {"butter": 3.0}}
_QUERY = {"bread": 2.0, "oven": 3.0, "salt": 0.25}
_DOT_PRODUCTS = {"a": 41.5, "b": 27.0}


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """Give a temporary folder that every user can enter; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="csplade-tests-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running(options: NodeOptions) -> Iterator[Node]:
    """Start a node on a free port with disposable data, and stop it."""
    with reachable_folder() as data:
        # Other programs may keep the machine busy.
        node = start(replace(options, data=data, quick_start=True, patience_seconds=600))
        try:
            yield node
        finally:
            stop(node.port)


def home_of(server: Server) -> Path:
    """Return the folder of an unpacked server, which is fetched if it is not there yet."""
    account = server_account()
    places = find_places(os.environ, account)
    make_places(places, account)
    return prepare(server, "", places, account, lambda _text: None).home


def scores(url: str, index: str, field_type: str = "rank_features", replicas: int = 0) -> dict[str, float]:
    """Index three documents, ask one query, and return the scores by id."""
    client = connect(url)
    settings = {"number_of_shards": 2, "number_of_replicas": replicas}
    mappings = {"properties": {"weights": {"type": field_type}}}
    client.indices.create(index=index, body={"settings": settings, "mappings": mappings})
    for identity, weights in _DOCUMENTS.items():
        client.index(index=index, id=identity, body={"weights": weights})
    client.indices.refresh(index=index)
    hits = client.search(index=index, body={"query": _clause(field_type)})["hits"]["hits"]
    return {hit["_id"]: hit["_score"] for hit in hits}


def exact_scores() -> dict[str, float]:
    """Return the dot products that `scores` must give."""
    return dict(_DOT_PRODUCTS)


def _clause(field_type: str) -> dict[str, object]:
    if field_type == "sparse_vector":
        return {"sparse_vector": {"field": "weights", "query_vector": _QUERY}}
    clauses = [
        {"rank_feature": {"field": f"weights.{term}", "linear": {}, "boost": weight}} for term, weight in _QUERY.items()
    ]
    return {"bool": {"should": clauses}}
