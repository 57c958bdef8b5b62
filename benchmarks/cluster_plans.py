"""The plans that the benchmark of clusters compares, by name, and the fields that some of them ask."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from csplade.benchmarks.cluster_material import Weighted
from csplade.integration.dialect import Dialect, Feature
from csplade.integration.documents import Document
from csplade.integration.planner import Anchor, FieldWeight, Fusion, Phases, PlanOptions, Total
from csplade.integration.query import Mode, QueryOptions, Scales
from csplade.integration.templates import WEIGHTS_FIELD

BM25 = "bm25 match"
DEFAULT_PLAN = "sparse, default plan"
EVERY_TERM = "sparse, one phase"
_HEAVIEST = "heaviest_terms"
"""A second field of weights: those of a document's heaviest terms."""
_KEPT = 16
_EVEN = "even"
"""Whether a document passes the filter of those that have one: every second does."""
FIELDS: Mapping[str, Any] = {  # Any: a JSON object
    _HEAVIEST: {"type": "rank_features"},
    _EVEN: {"type": "boolean"},
}


@dataclass(frozen=True)
class Place:
    """What plans need to know of the cluster and its index."""

    dialect: Dialect
    longest: int
    """Terms of the longest query."""
    scales: Scales


def document(number: int, one: Weighted) -> Document:
    """Return a document with the fields that the plans ask."""
    heaviest = dict(sorted(one.vector, key=lambda pair: -pair[1])[:_KEPT])
    # As many digits as csplade itself sends.
    short = {term: round(weight, 3) for term, weight in heaviest.items()}
    return Document(one.id, one.text, fields={_EVEN: number % 2 == 0, _HEAVIEST: short})


def plans(place: Place) -> dict[str, QueryOptions]:
    """Return the plans that this cluster can be asked by."""
    every = PlanOptions(max_clauses=place.longest, phases=Phases.ONE)
    filtered = QueryOptions(filters=({"term": {_EVEN: True}},))
    return {
        BM25: QueryOptions(Mode.BM25),
        **{name: QueryOptions(plan=plan) for name, plan in _sparse(every).items()},
        "bm25, filter": replace(filtered, mode=Mode.BM25),
        "sparse, filter": filtered,
        "sparse, anchored in the filter": replace(filtered, plan=PlanOptions(anchor=Anchor.FILTER)),
        **_hybrids(place),
    }


def _sparse(every: PlanOptions) -> dict[str, PlanOptions]:
    two = replace(every, phases=Phases.TWO)
    fields = (FieldWeight(WEIGHTS_FIELD), FieldWeight(_HEAVIEST, 0.5))
    return {
        DEFAULT_PLAN: PlanOptions(),
        EVERY_TERM: every,
        **{f"sparse, share {share}": replace(every, share=share) for share in (0.95, 0.9, 0.8)},
        **{f"sparse, ratio {ratio}": replace(every, ratio=ratio) for ratio in (0.1, 0.2)},
        **{f"sparse, {count} terms": replace(every, max_clauses=count) for count in (16, 8)},
        **{f"sparse, two phases, heavy {part}": replace(two, heavy=part) for part in (0.1, 0.2)},
        "sparse, anchored in the text": replace(every, anchor=Anchor.TEXT),
        "sparse, two fields": PlanOptions(fields=fields),
        **{f"sparse, total {total}": PlanOptions(total=total) for total in (Total.USUAL, Total.EXACT)},
    }


def _hybrids(place: Place) -> dict[str, QueryOptions]:
    fusions = [Fusion.SUM, Fusion.NORMALIZED, Fusion.RRF]
    if Feature.HYBRID_QUERY in place.dialect.features:
        fusions.append(Fusion.SERVER)
    return {
        f"hybrid, {fusion}": QueryOptions(Mode.HYBRID, scales=place.scales, plan=PlanOptions(fusion=fusion))
        for fusion in fusions
    }
