"""A question and options come in, bodies of searches go out: one, or two whose rankings are merged; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from csplade.integration.dialect import Feature
from csplade.integration.documents import OUR_FIELDS
from csplade.integration.planner import Anchor, Fusion, Phases, Total, heavy_and_light
from csplade.integration.query import Mode, QueryOptions, Question, any_of, combined, planned, scored
from csplade.integration.seismic import Remap
from csplade.integration.seismic_field import seismic_clause
from csplade.integration.templates import PASSAGES_FIELD, TEXT_FIELD, TITLE_FIELD, WEIGHTS_FIELD
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector

_TOTALS: Mapping[Total, bool | int] = {Total.NONE: False, Total.USUAL: 10_000, Total.EXACT: True}


@dataclass(frozen=True)
class Search:
    """One search of a question."""

    body: Mapping[str, Any]  # Any: a JSON object
    """All but what should come back of the hits, see `shown` and `ranked`."""
    mode: Mode
    """What it compares."""
    weight: float = 1.0
    """Its weight among rankings that are merged."""


def build_searches(question: Question, options: QueryOptions, size: int) -> tuple[Search, ...]:
    """Return the searches for the best `size` documents: one, none if nothing can match, or those that RRF merges.

    Raises:
        UsageError: the cluster or the index lacks what the options want.
    """
    if options.plan.phases is Phases.SEISMIC and options.remap is None:
        raise UsageError(
            "the index has no SEISMIC field: make one that has with `csplade index create --seismic`, or choose other "
            "phases"
        )
    depth = depth_of(options, size)
    if options.fusion is Fusion.RRF:
        weights = {Mode.SPARSE: 1.0, Mode.BM25: options.bm25_weight}
        exact = _exact(options)
        parts = [(replace(exact, mode=mode), weight) for mode, weight in weights.items() if weight]
        found = [(build_searches(question, part, depth), weight) for part, weight in parts]
        return tuple(replace(search, weight=weight) for searches, weight in found for search in searches)
    by_server = options.fusion is Fusion.SERVER
    asked = _hybrid(question, options) if by_server else _in_phases(question, options, size)
    if asked is None:
        return ()
    body = {**asked, "size": depth, "track_total_hits": _TOTALS[options.plan.total]}
    return (Search(body, options.mode),)


def depth_of(options: QueryOptions, size: int) -> int:
    """Return how many hits a search asks for, so that `size` come of it.

    They are more where rankings are merged, by the cluster too, so that a document's score does not depend on `size`.
    """
    return max(size, options.plan.rank_depth) if options.fusion in (Fusion.RRF, Fusion.SERVER) else size


def falls_short(search: Search, options: QueryOptions, hits: int) -> bool:
    """Say whether fewer documents than were asked for were found by a SEISMIC field, or by heavy terms by default."""
    return options.plan.phases is not Phases.TWO and "rescore" in search.body and hits < search.body["size"]


def _exact(options: QueryOptions) -> QueryOptions:
    """Return the options without a SEISMIC field, which one of two rankings is not asked by."""
    if options.plan.phases is not Phases.SEISMIC:
        return options
    return replace(options, plan=replace(options.plan, phases=Phases.AUTO))


def in_one_phase(options: QueryOptions) -> QueryOptions:
    """Return the options with all terms finding documents."""
    return replace(options, plan=replace(options.plan, phases=Phases.ONE))


def shown(body: Mapping[str, Any], explain: bool = False, whole: bool = False) -> dict[str, Any]:  # Any: JSON objects
    """Return the body of a search whose hits are shown, by title and text or `whole`; weights stay in the cluster."""
    found = {name: _with_best_passage(part) if name == "query" else part for name, part in body.items()}
    source = {"excludes": sorted(OUR_FIELDS)} if whole else [TITLE_FIELD, TEXT_FIELD]
    return {**found, "_source": source, "explain": explain}


def ranked(body: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON objects
    """Return the body of a search of which only ids and scores are wanted."""
    return {**body, "_source": False}


def _with_best_passage(query: object) -> object:
    """Ask where the best passage of each hit stands; not in filters, which are the user's own."""
    if isinstance(query, list):
        return [_with_best_passage(one) for one in query]
    # The cluster's hybrid query has no room for it.
    if not isinstance(query, Mapping) or "hybrid" in query:
        return query
    if query.get("nested", {}).get("path") == PASSAGES_FIELD:
        best = {"size": 1, "_source": [f"{PASSAGES_FIELD}.begin", f"{PASSAGES_FIELD}.end"]}
        return {"nested": {**query["nested"], "inner_hits": best}}
    return {name: value if name == "filter" else _with_best_passage(value) for name, value in query.items()}


def by_ids(ids: list[str]) -> dict[str, Any]:  # Any: a JSON object
    """Return what the body of a search for documents by their ids holds."""
    return {"query": {"ids": {"values": ids}}, "size": len(ids), "sort": ["_doc"], "track_total_hits": False}


def _in_phases(question: Question, options: QueryOptions, size: int) -> dict[str, Any] | None:  # Any: a JSON object
    """Return a search in the phases that the options ask for."""
    if options.remap is None or not is_approximate(options):
        return _summed(question, options, size)
    return _approximate(question, options, options.remap, size)


def is_approximate(options: QueryOptions) -> bool:
    """Say whether a SEISMIC field finds what is asked for; see `Phases.SEISMIC`."""
    asked = options.plan
    plain = options.mode is Mode.SPARSE and not options.filters and asked.anchor is Anchor.NONE
    return asked.phases is Phases.SEISMIC and plain and {each.name for each in asked.fields} == {WEIGHTS_FIELD}


def _approximate(
    question: Question, options: QueryOptions, remap: Remap, size: int
) -> dict[str, Any] | None:  # Any: a JSON object
    """Return a search whose hits a SEISMIC field finds and all terms score."""
    vector, window = planned(question, options).vector, options.plan.window(size)
    again, _ = scored(question, vector, options)
    if not again:
        return None
    query = seismic_clause(vector, remap, window, options.plan.cut, options.plan.heap_factor)
    # What the field's own score is, in 8 bits, does not count.
    second = {"rescore_query": any_of(again), "query_weight": 0.0, "rescore_query_weight": 1.0}
    return {"query": query, "rescore": {"window_size": window, "query": second}}


def _summed(question: Question, options: QueryOptions, size: int) -> dict[str, Any] | None:  # Any: a JSON object
    """Return a search whose scores are sums, with a second phase if there are terms for it."""
    heavy, light = phases_of(question, options, size)
    sparse, text = scored(question, heavy, options)
    query = combined([*sparse, *text], question, options)
    if query is None or not light:
        return None if query is None else {"query": query}
    again, _ = scored(question, light, options)
    rescore = {"window_size": options.plan.window(size), "query": {"rescore_query": any_of(again)}}
    return {"query": query, "rescore": rescore}


def phases_of(question: Question, options: QueryOptions, size: int) -> tuple[SparseVector, SparseVector]:
    """Return the terms that find documents, and those that only score; with one phase, none."""
    vector = planned(question, options).vector
    if is_approximate(options) or not options.plan.two_phases(size, options.dialect.passages):
        return vector, SparseVector()
    return heavy_and_light(vector, options.plan.heavy)


def _hybrid(question: Question, options: QueryOptions) -> dict[str, Any] | None:  # Any: a JSON object
    """Return a search by the cluster's own hybrid query, which normalizes by the scores of each answer."""
    options.dialect.require(Feature.HYBRID_QUERY)
    # Weights are given to the processor, and must not count twice.
    plain = replace(options, bm25_weight=1.0)
    sparse, text = scored(question, planned(question, options).vector, plain)
    asked = [(sparse, 1.0), (text, options.bm25_weight)]
    parts = [(combined(clauses, question, options), weight) for clauses, weight in asked if clauses and weight]
    if not parts:
        return None
    whole = sum(weight for _, weight in parts)
    combination = {
        "technique": "arithmetic_mean",
        "parameters": {"weights": [weight / whole for _, weight in parts]},
    }
    processor = {"normalization": {"technique": "min_max"}, "combination": combination}
    return {
        "query": {"hybrid": {"queries": [query for query, _ in parts]}},
        "search_pipeline": {"phase_results_processors": [{"normalization-processor": processor}]},
    }
