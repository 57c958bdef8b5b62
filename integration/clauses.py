"""A term vector as one clause of the cluster's query language; pure.

The score of the clause is the dot product of the vector with a document's stored weights, times the boost. `linear` is
always said where it can be, because the default there is a saturation; and pruning is always switched off, because
which terms are sent is the planner's decision.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from csplade.integration.dialect import Clause, Dialect
from csplade.integration.documents import SMALLEST_WEIGHT, acceptable_weights
from csplade.integration.templates import PASSAGE_WEIGHTS, PASSAGES_FIELD, WEIGHTS_FIELD
from csplade.pipelines.sparse import SparseVector

NOTHING: dict[str, Any] = {"match_none": {}}  # Any: a JSON object
"""The clause of a vector without terms."""


def sparse_clause(
    vector: SparseVector, dialect: Dialect, field: str = WEIGHTS_FIELD, boost: float = 1.0
) -> dict[str, Any]:  # Any: a JSON object
    """Return a query clause that scores documents by `boost` times the dot product, and finds those with one.

    It counts as one clause a term against the cluster's limit (`Dialect.max_clauses`), and may stand wherever a query
    clause may. A vector without terms gives a clause that finds nothing. Where the index holds passages, the score is
    that of a document's best passage.

    Raises:
        EncoderError: a term key has a dot, which no query would find.
    """
    weights = dict(acceptable_weights(vector))
    if not weights:
        return dict(NOTHING)
    if dialect.passages and field == WEIGHTS_FIELD:
        best = sparse_clause(vector, replace(dialect, passages=False), PASSAGE_WEIGHTS, boost)
        return {"nested": {"path": PASSAGES_FIELD, "score_mode": "max", "query": best}}
    match dialect.clause:
        case Clause.RANK_FEATURE:
            return _boosted("bool", {"should": [_feature(field, *term) for term in weights.items()]}, boost)
        case Clause.NEURAL_SPARSE:
            tokens, factor = _within(weights, dialect.clause.largest_weight)
            return {"neural_sparse": {field: _with_boost({"query_tokens": tokens}, boost * factor)}}
        case Clause.SPARSE_VECTOR:
            return _boosted("sparse_vector", {"field": field, "query_vector": weights, "prune": False}, boost)


def _feature(field: str, term: str, weight: float) -> dict[str, Any]:  # Any: a JSON object
    return {"rank_feature": {"field": f"{field}.{term}", "linear": {}, "boost": weight}}


def _within(weights: Mapping[str, float], largest: float) -> tuple[dict[str, float], float]:
    """Return weights that are at most `largest`, and what to multiply the score with."""
    # A power of two: dividing by it changes no digit.
    factor = 2.0 ** max(0, math.ceil(math.log2(max(weights.values()) / largest)))
    scaled = {term: weight / factor for term, weight in weights.items()}
    return {term: weight for term, weight in scaled.items() if weight >= SMALLEST_WEIGHT}, factor


def _boosted(name: str, clause: dict[str, Any], boost: float) -> dict[str, Any]:  # Any: JSON objects
    return {name: _with_boost(clause, boost)}


def _with_boost(clause: dict[str, Any], boost: float) -> dict[str, Any]:  # Any: JSON objects
    return clause if boost == 1 else {**clause, "boost": boost}
