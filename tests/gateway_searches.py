"""Searches through a gateway that rewrites: its configuration, its indexes, and requests that say every header."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
from csplade.integration.client import connect
from csplade.tests.gateway_process import Answer, Gateway, ask
from csplade.tests.gateway_words import rewriting
from csplade.tests.rewrite_index import FIELD_MAP, fill_index, mapping
from opensearchpy import OpenSearch

Json = dict[str, Any]  # Any: JSON values
DOCUMENTS = 120
UNHURRIED: Json = {"deadline_ms": 10_000, "lookup_deadline_ms": 60_000}
"""Deadlines that a busy machine does not miss, where what a search becomes is looked at."""


def rules(pattern: str, **more: object) -> Json:
    """Return the rules of the rewriter's test index, for the indexes that fit a pattern."""
    weights = [
        {"field": each.weights, "covers": dict(each.texts), **({"nested": each.nested} if each.nested else {})}
        for each in FIELD_MAP.coverages
    ]
    return {"pattern": pattern, "weights": weights, "default_fields": list(FIELD_MAP.default_fields), **more}


def capable(*kinds: str) -> Json:
    """Return the fields for weights of these rules as `_field_caps` tells them, each of so many kinds."""
    return {each.weights: {kind: {"type": kind} for kind in kinds} for each in FIELD_MAP.coverages}


@dataclass
class Stage:
    """A cluster with an index of each mode, and the gateway in front of it."""

    url: str
    gateway: Gateway
    name: str
    """What the names of all its indexes begin with."""

    @property
    def direct(self) -> OpenSearch:
        return connect(self.url)

    @property
    def through(self) -> OpenSearch:
        return connect(self.gateway.url)

    def index(self, mode: str) -> str:
        return f"{self.name}-{mode}"

    def ask(self, method: str, path: str, body: object = None, direct: bool = False, **headers: str) -> Answer:
        """Ask the gateway, or the cluster itself."""
        port = int(self.url.rpartition(":")[2]) if direct else self.gateway.port
        return ask(port, request(method, path, body, headers), method)


def odd_mapping() -> Json:
    """Return the mapping of an index of whose weights that of bread cannot be asked: rewritten searches fail there."""
    odd = {"csplade_terms": {"type": "rank_features", "fields": {"bread": {"type": "long"}}}}
    return {"properties": {**mapping()["properties"], **odd}}


def request(method: str, path: str, body: object, headers: dict[str, str]) -> bytes:
    """Return a request as it is sent; a body that is no bytes is written as JSON."""
    written = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if written:
        named = {"content-type": "application/json", "content-length": str(len(written)), **named}
    lines = [f"{method} {path} HTTP/1.1", "host: a", *(f"{name}: {value}" for name, value in named.items()), "", ""]
    return "\r\n".join(lines).encode() + written


@contextmanager
def stage(
    url: str,
    *modes: str,
    gateway: Json | None = None,
    more: Json | None = None,
    options: tuple[str, ...] = (),
    mapped: Json | None = None,
) -> Iterator[Stage]:
    """Fill an index for each mode and run a gateway in front; `other` is an index without rules.

    `gateway` is the configuration's table of that name, with much time unless it says how much, `more` what the rules
    of each index hold besides, `mapped` the mapping for servers that do not take the usual one.
    """
    name, client = f"test-{uuid4().hex}", connect(url)
    config = {
        "index": [rules(f"{name}-{mode}*", mode=mode, **(more or {})) for mode in modes],
        "gateway": {**UNHURRIED, **(gateway or {})},
    }
    for mode in (*modes, "other"):
        fill_index(client, f"{name}-{mode}", DOCUMENTS, mapped)
    try:
        with rewriting(url, config, *options) as running:
            # Answered as soon as a worker is there; stock clients have little patience.
            ask(running.port, request("GET", "/_csplade/live", None, {}))
            yield Stage(url, running, name)
    finally:
        # Newer Elasticsearch deletes nothing by wildcards.
        client.indices.delete(index=",".join(client.indices.get(index=f"{name}-*")))


def verdict(answer: Answer) -> str | None:
    """Return what the gateway says it did."""
    return answer.header("x-csplade")


def hits(answer: Answer) -> list[tuple[str, float]]:
    """Return ids and scores."""
    found = orjson.loads(answer.body)
    assert answer.status == 200, found
    return [(hit["_id"], hit["_score"]) for hit in found["hits"]["hits"]]
