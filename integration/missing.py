"""Why a document is found where it is, or not at all: its terms, the query's, what they share, its rank, the filters.

`look_for` asks the cluster a few times; nothing is changed.
"""

import enum
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from csplade.integration.answers import ask
from csplade.integration.explain import Contribution, contributions
from csplade.integration.index_mapping import mapping_of
from csplade.integration.planner import Anchor, Fusion
from csplade.integration.query import Mode, QueryOptions, Question, any_of, planned, weighed
from csplade.integration.search import search_many
from csplade.integration.searches import (
    build_searches,
    depth_of,
    falls_short,
    in_one_phase,
    is_approximate,
    phases_of,
    ranked,
)
from csplade.integration.stored_weights import keeps_weights, source_with, weights_of
from csplade.pipelines.sparse import SparseVector
from opensearchpy import OpenSearch

_WORDS = "words"


class Reason(enum.StrEnum):
    """Why a document is no hit."""

    NOT_INDEXED = "not indexed"
    FILTER = "filter"
    ANCHOR = "anchor"
    EMPTY_QUERY = "empty query"
    NO_WEIGHTS = "no weights"
    WEIGHTS_NOT_KEPT = "weights not kept"
    """The index does not give weights back, so nothing tells whether there is a common term."""
    NO_COMMON_TERM = "no common term"
    ONLY_DROPPED_TERMS = "only dropped terms"
    ONLY_LIGHT_TERMS = "only light terms"
    NO_COMMON_WORD = "no common word"
    RANKED_LOWER = "ranked lower"
    """It matches, and others are better; how many is not known for rankings that are merged."""
    NOT_FOUND = "not found approximately"
    """It matches, and the SEISMIC field has not found it: others are better, or it was missed."""


@dataclass(frozen=True, slots=True)
class SharedTerm:
    """A term that query and document have."""

    key: str
    field: str
    query_weight: float
    document_weight: float
    """As the index gives it back; what scores is cut to 9 significant bits."""
    sent: bool
    """Whether the plan keeps it in the query."""


@dataclass(frozen=True)
class Terms:
    """The terms of a query and of a document, heaviest first."""

    shared: tuple[SharedTerm, ...] = ()
    query_only: SparseVector = field(default_factory=SparseVector)
    document: Mapping[str, SparseVector] | None = None
    """By field; None if the index does not give weights back."""


@dataclass(frozen=True)
class Placement:
    """Where a document stands in the answer to a query, and why."""

    id: str
    reasons: tuple[Reason, ...]
    """Empty for a hit."""
    terms: Terms
    filters: tuple[tuple[Mapping[str, Any], bool], ...] = ()  # Any: query clauses
    """Each of the query's filters, and whether the document passes it."""
    score: float | None = None
    rank: int | None = None
    """From 1; documents of equal score share one."""
    contributions: tuple[Contribution, ...] = ()


def look_for(
    client: OpenSearch, index: str, question: Question, options: QueryOptions, identity: str, size: int = 10
) -> Placement:
    """Find out where a document stands among the answers to a question.

    Of sums the rank is known however low it is; behind what the second of two phases scores, it and the score are those
    of the first phase. Of merged rankings, which depend on how many hits are asked for, the best `size` are known.

    Raises:
        UsageError: the question has more clauses than the cluster takes, or the cluster lacks what the options want.
        ClusterError: the cluster does not answer in full.
    """
    found = _document(client, index, question, options, identity)
    if found is None:
        return Placement(identity, (Reason.NOT_INDEXED,), Terms(query_only=weighed(question, options)))
    _, mapping = mapping_of(client, index)
    kept = all(keeps_weights(mapping, each.name) for each in options.plan.fields)
    terms = _terms(question, options, (found.get("_source") or {}) if kept else None)
    matched = set(found.get("matched_queries", ()))
    filters = tuple((clause, _filter_name(number) in matched) for number, clause in enumerate(options.filters))
    options = _in_phases(client, index, question, options, size)
    rank, score, parts = _place(client, index, question, options, identity, size)
    reasons: tuple[Reason, ...] = ()
    if rank is None:
        light = _light(question, options, size)
        reasons = _reasons(terms, matched, all(passes for _, passes in filters), question, options, light)
    return Placement(identity, reasons, terms, filters, score, rank, parts)


def _in_phases(client: OpenSearch, index: str, question: Question, options: QueryOptions, size: int) -> QueryOptions:
    """Return the options as a search of so many hits would be asked in the end."""
    for one in build_searches(question, options, size):
        # Only where nobody chose two phases is there something to find out.
        if not falls_short(one, options, 0):
            continue
        hits, _ = ask(client, index, ranked(one.body), options.mode)
        if falls_short(one, options, len(hits)):
            return in_one_phase(options)
    return options


def _document(
    client: OpenSearch, index: str, question: Question, options: QueryOptions, identity: str
) -> Mapping[str, Any] | None:  # Any: a JSON object
    """Return the document, with its weights and the names of what it matches of the question."""
    named = {_filter_name(number): clause for number, clause in enumerate(options.filters)}
    if question.text.strip():
        named[_WORDS] = any_of([{"match": {each.name: question.text}} for each in options.plan.text_fields])
    checks = [{"bool": {"filter": [clause], "_name": name}} for name, clause in named.items()]
    query = {"bool": {"filter": [_only(identity)], "should": checks, "minimum_should_match": 0}}
    fields = [each.name for each in options.plan.fields]
    body = {"query": query, "size": 1, "_source": source_with(fields, options.dialect), "track_total_hits": False}
    hits, _ = ask(client, index, body, options.mode)
    return hits[0] if hits else None


def _terms(
    question: Question,
    options: QueryOptions,
    source: Mapping[str, Any] | None,  # Any: a JSON object
) -> Terms:
    """Return what query and document have in common and what they do not; without weights, the query's terms."""
    if not options.mode.needs_vector or source is None:
        return Terms(query_only=weighed(question, options))
    asked, sent = weighed(question, options), planned(question, options).vector.weights
    held = {each.name: weights_of(source, each.name, asked) for each in options.plan.fields}
    shared = tuple(
        SharedTerm(key, name, weight, vector.weights[key], key in sent)
        for key, weight in asked
        for name, vector in held.items()
        if key in vector.weights
    )
    met = {term.key for term in shared}
    return Terms(shared, SparseVector({key: weight for key, weight in asked if key not in met}), held)


def _place(
    client: OpenSearch, index: str, question: Question, options: QueryOptions, identity: str, size: int
) -> tuple[int | None, float | None, tuple[Contribution, ...]]:
    """Return rank, score and what it is made of; nothing for a document that is no hit."""
    if options.fusion in (Fusion.RRF, Fusion.SERVER):
        (best,) = search_many(client, index, [question], options, size)
        ranks = {hit.id: (rank, hit.score) for rank, hit in enumerate(best, start=1)}
        return (*ranks.get(identity, (None, None)), ())
    searches = build_searches(question, options, size)
    if not searches:
        return None, None, ()
    body, mode = searches[0].body, options.mode
    rank = _rank_scored_again(client, index, body, identity, mode)
    if rank is None and is_approximate(options):
        # What only the field scores, in 8 bits, has no place.
        return None, None, ()
    alone = {"query": {"bool": {"must": [body["query"]], "filter": [_only(identity)]}}}
    again = {} if rank is None else {"rescore": body["rescore"]}
    hits, _ = ask(client, index, {**alone, **again, "size": 1, "_source": False, "explain": True}, mode)
    if not hits:
        return None, None, ()
    score = float(hits[0]["_score"])
    if rank is None:
        rank = 1 + _count_better(client, index, body["query"], identity, score, mode)
    return rank, score, contributions(hits[0]["_explanation"])


def _rank_scored_again(
    client: OpenSearch,
    index: str,
    body: Mapping[str, Any],
    identity: str,
    mode: Mode,  # Any: a JSON object
) -> int | None:
    """Return the rank of a document among those that a second phase scores, None if it is not there."""
    if "rescore" not in body:
        return None
    hits, _ = ask(client, index, ranked({**body, "size": body["rescore"]["window_size"]}), mode)
    own = next((hit["_score"] for hit in hits if hit["_id"] == identity), None)
    return None if own is None else 1 + sum(hit["_score"] > own for hit in hits)


def _count_better(
    client: OpenSearch,
    index: str,
    query: Mapping[str, Any],
    identity: str,
    score: float,
    mode: Mode,  # Any: JSON
) -> int:
    # Scores are 32-bit floats, and from the next one on a score is better.
    least = float(np.nextafter(np.float32(score), np.float32(np.inf)))
    others = {"bool": {"must": [query], "must_not": [_only(identity)]}}
    body = {"query": others, "size": 0, "min_score": least, "track_total_hits": True}
    _, total = ask(client, index, body, mode)
    return 0 if total is None else int(total["value"])


def _reasons(
    terms: Terms, matched: set[str], passes: bool, question: Question, options: QueryOptions, light: Set[str]
) -> tuple[Reason, ...]:
    anchored = options.plan.anchor is Anchor.TEXT and _WORDS not in matched
    found = [Reason.FILTER] * (not passes) + [Reason.ANCHOR] * anchored
    if options.plan.anchor is Anchor.NONE:
        found += _unmatched(terms, _WORDS in matched, question, options, light)
    return tuple(found) or (Reason.NOT_FOUND if is_approximate(options) else Reason.RANKED_LOWER,)


def _unmatched(
    terms: Terms, has_word: bool, question: Question, options: QueryOptions, light: Set[str]
) -> list[Reason]:
    """Return why no clause of the query matches, nothing if one does."""
    by_terms = _without_term(terms, question, light) if options.mode.needs_vector else None
    if options.mode is Mode.SPARSE:
        return [by_terms] if by_terms is not None else []
    if has_word or (options.mode is Mode.HYBRID and by_terms is None):
        return []
    words = Reason.NO_COMMON_WORD if question.text.strip() else Reason.EMPTY_QUERY
    return [words] if by_terms is None else [by_terms, words]


def _without_term(terms: Terms, question: Question, light: Set[str]) -> Reason | None:
    """Return why no term of the query finds the document, None if one does."""
    if not question.vector:
        return Reason.EMPTY_QUERY
    if terms.document is None:
        return Reason.WEIGHTS_NOT_KEPT
    if not any(terms.document.values()):
        return Reason.NO_WEIGHTS
    if not terms.shared:
        return Reason.NO_COMMON_TERM
    sent = {term.key for term in terms.shared if term.sent}
    if not sent:
        return Reason.ONLY_DROPPED_TERMS
    return Reason.ONLY_LIGHT_TERMS if sent <= light else None


def _light(question: Question, options: QueryOptions, size: int) -> Set[str]:
    """Return the terms that only score."""
    return phases_of(question, options, depth_of(options, size))[1].weights.keys()


def _filter_name(number: int) -> str:
    return f"filter {number}"


def _only(identity: str) -> dict[str, Any]:  # Any: a JSON object
    return {"ids": {"values": [identity]}}
