"""SEISMIC fields of OpenSearch with neural-search beside the others: made, merged, asked with the same vectors."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any

import orjson
from csplade.benchmarks.cluster_material import Material, Weighted
from csplade.benchmarks.cluster_queries import SIZE, Contestant
from csplade.integration.documents import weight_fields
from csplade.integration.index import create_index
from csplade.integration.planner import Phases, PlanOptions
from csplade.integration.query import QueryOptions, Question
from csplade.integration.searches import build_searches, ranked
from csplade.integration.seismic import Remap, Sample, remap_of
from csplade.integration.seismic_field import Seismic, seismic_of
from csplade.integration.templates import IndexOptions
from csplade.pipelines.contract import Contract
from opensearchpy import OpenSearch

_AT_ONCE = 500
_CUTS = (3, 10)
"""The heaviest terms of a query that its search begins with."""
_SAMPLE = 300


def make(
    client: OpenSearch, contract: Contract, material: Material, documents: Sequence[Weighted], index: str
) -> Seismic:
    """Index the documents for approximate search, merged into one segment; return the field."""
    queries = [one.vector for one in material.queries]
    remap = remap_of(one.vector for one in documents)
    sample = Sample([one.vector for one in documents[:_SAMPLE]], queries)
    seismic = seismic_of(remap, sample, max(1, len(documents) // 4))
    create_index(client, index, contract, IndexOptions(), seismic=seismic)
    with ThreadPoolExecutor(4) as threads:
        for errors in threads.map(lambda lines: _send(client, index, lines), _bodies(documents, remap)):
            if errors:
                raise SystemExit(f"the SEISMIC field refused documents: {errors[:300]}")
    client.indices.forcemerge(index=index, params={"max_num_segments": 1, "request_timeout": 1800})
    client.indices.refresh(index=index)
    return seismic


def contestants(index: str, remap: Remap, usual: QueryOptions) -> list[Contestant]:
    """Return the ways to ask it; `usual` are the options of its cluster."""

    def way(cut: int) -> Contestant:
        options = replace(usual, plan=PlanOptions(phases=Phases.SEISMIC, cut=cut), remap=remap)

        def bodies(question: Question) -> list[Mapping[str, Any]]:  # Any: JSON objects
            return [ranked(search.body) for search in build_searches(question, options, SIZE)]

        return Contestant(f"SEISMIC, cut {cut}", bodies, index)

    return [way(cut) for cut in _CUTS]


def _bodies(documents: Sequence[Weighted], remap: Remap) -> Iterator[bytes]:
    lines = (
        orjson.dumps({"index": {"_id": one.id}}) + b"\n" + orjson.dumps(weight_fields(one.vector, remap=remap)) + b"\n"
        for one in documents
    )
    return iter(lambda: b"".join(islice(lines, _AT_ONCE)), b"")


def _send(client: OpenSearch, index: str, lines: bytes) -> str:
    answer = client.bulk(body=lines, index=index, params={"request_timeout": 300})
    return str([one["index"] for one in answer["items"] if "error" in one["index"]]) if answer["errors"] else ""
