"""SEISMIC fields of OpenSearch with neural-search beside the others: made, merged, asked with the same vectors."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import orjson
from csplade.benchmarks.cluster_material import Material, Weighted
from csplade.benchmarks.cluster_queries import SIZE, Contestant
from csplade.integration.dialect import Dialect
from csplade.integration.query import Question
from csplade.integration.seismic import Loss, Remap, Sample, remap_of, seismic_clause, seismic_index
from csplade.integration.templates import WEIGHTS_FIELD, IndexOptions
from csplade.pipelines.contract import Contract
from opensearchpy import OpenSearch

_AT_ONCE = 500
_CUTS = (3, 10)
"""The heaviest terms of a query that its search begins with."""
_HEAP_FACTOR = 1.2
_SAMPLE = 300


def make(
    client: OpenSearch,
    dialect: Dialect,
    contract: Contract,
    material: Material,
    documents: Sequence[Weighted],
    index: str,
) -> tuple[Remap, Loss]:
    """Index the documents for approximate search, merged into one segment; return the numbers and what is lost."""
    remap = remap_of((one.vector for one in documents), (one.vector for one in material.queries))
    sample = Sample([one.vector for one in documents[:_SAMPLE]], [one.vector for one in material.queries])
    body, loss = seismic_index(contract, IndexOptions(), dialect, remap, sample, max(1, len(documents) // 4))
    client.indices.create(index=index, body=body)
    with ThreadPoolExecutor(4) as threads:
        for errors in threads.map(lambda lines: _send(client, index, lines), _bodies(documents, remap)):
            if errors:
                raise SystemExit(f"the SEISMIC field refused documents: {errors[:300]}")
    client.indices.forcemerge(index=index, params={"max_num_segments": 1, "request_timeout": 1800})
    client.indices.refresh(index=index)
    return remap, loss


def contestants(index: str, remap: Remap) -> list[Contestant]:
    """Return the ways to ask it."""

    def way(cut: int) -> Contestant:
        def bodies(question: Question) -> list[Mapping[str, Any]]:  # Any: JSON objects
            clause = seismic_clause(question.vector, remap, SIZE, cut, _HEAP_FACTOR)
            return [{"query": clause, "size": SIZE, "track_total_hits": False, "_source": False}]

        return Contestant(f"SEISMIC, top_n {cut}", bodies, index)

    return [way(cut) for cut in _CUTS]


def _bodies(documents: Sequence[Weighted], remap: Remap) -> Iterator[bytes]:
    lines = (
        orjson.dumps({"index": {"_id": one.id}})
        + b"\n"
        + orjson.dumps({WEIGHTS_FIELD: remap.apply(one.vector)})
        + b"\n"
        for one in documents
    )
    return iter(lambda: b"".join(islice(lines, _AT_ONCE)), b"")


def _send(client: OpenSearch, index: str, lines: bytes) -> str:
    answer = client.bulk(body=lines, index=index, params={"request_timeout": 300})
    return str([one["index"] for one in answer["items"] if "error" in one["index"]]) if answer["errors"] else ""
