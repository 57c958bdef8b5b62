"""An ordinary search body comes in, an equivalent body that is scored by term weights goes out; pure.

Applications keep their queries: filters, aggregations, sorting, pages, highlighting stay as they are, and what is not
understood passes unchanged and is counted. The encoder arrives as a function, the index as a map of its fields.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from csplade.integration.field_map import FieldMap
from csplade.integration.planner import PlanOptions
from csplade.integration.rewrite_budget import clauses_of, narrowed
from csplade.integration.rewrite_highlight import highlight_everywhere
from csplade.integration.rewrite_parts import with_items, with_part
from csplade.integration.rewrite_place import Place
from csplade.integration.rewrite_policy import Policies, RewriteMode, RewriteOptions, ScorePolicy
from csplade.integration.rewrite_report import Decision, Journal, JsonObject, Outcome, Rewritten
from csplade.integration.rewrite_scores import (
    LEAST_ASKED,
    SCRIPT_READS,
    aggregates_by_score,
    asks_for_least,
    combined_by,
    least_asked,
    part_scripted_by_score,
    ranks_without_score,
    shows_hits_by_score,
)
from csplade.integration.rewrite_scoring import Encode, Scorer
from csplade.integration.rewrite_text import TextRewriter
from csplade.integration.rewrite_tree import Check, TreeRewriter

__all__ = ["Check", "Encode", "Resolve", "RewriteMode", "RewriteOptions", "Rewritten", "rewrite", "unhurried"]

Resolve = Callable[[str], str | None]
"""Gives the text that a query's string stands for; None if nobody knows."""

# Fields that exist during one search, in the place of those of the index if their names are the same.
_DEFINING = ("runtime_mappings", "derived")

# How a rescorer's score is combined with the first one so that none of them takes anything away: None is `total`.
_RAISING = (None, "total", "max")


def unhurried() -> None:
    """Let a rewriting take its time."""


def rewrite(
    body: JsonObject,
    field_map: FieldMap,
    encode: Encode,
    options: RewriteOptions,
    resolve: Resolve = str,
    check: Check = unhurried,
) -> Rewritten:
    """Return the search body to send, and what became of each clause; `body` itself is never changed.

    `check` is called before each clause. Whatever it, or `encode`, raises is raised; nothing else is.
    """
    untouched = _untouched(body, field_map, options.mode)
    if untouched is not None:
        return Rewritten(body, (untouched,))
    encode, limit = cache(_weighing(encode, options)), options.dialect.max_clauses

    def walked(plan: PlanOptions) -> tuple[JsonObject, Journal, Scorer]:
        journal, scorer = Journal(), Scorer(encode, plan, limit)
        tree = TreeRewriter(TextRewriter(field_map, options, scorer, resolve, journal), options, journal, check)
        return _walked(body, tree), journal, scorer

    new, journal, scorer = walked(options.plan)
    reserved = clauses_of([body.get("query"), body.get("rescore")], len(field_map.default_fields))
    if scorer.terms and scorer.terms + reserved > limit:
        new, journal, _ = walked(narrowed(options.plan, limit, scorer.vectors, reserved))
    return _closed(body, new, journal, options)


def _weighing(encode: Encode, options: RewriteOptions) -> Encode:
    """Return what gives vectors their weights for the index."""
    calibration = options.calibration
    return encode if calibration is None else lambda text: calibration.applied(encode(text))


def _untouched(body: JsonObject, field_map: FieldMap, mode: RewriteMode) -> Decision | None:
    """Return why a whole body stays as it is; None if it does not."""
    if "retriever" in body:
        return Decision("$.retriever", "retriever", Outcome.PASSED, "", "retrievers are not known")
    if ranks_without_score(body):
        return Decision("$.sort", "sort", Outcome.KEPT, "", "hits are sorted without their score")
    return _defined_anew(body, field_map) or (_countable(body) if mode is RewriteMode.ANCHORED else None)


def _defined_anew(body: JsonObject, field_map: FieldMap) -> Decision | None:
    """Return why a body passes that defines fields of its own; None if they have nothing to do with covered ones."""
    for part in _DEFINING:
        fields = body.get(part)
        anew = next(filter(field_map.touched_by, fields), None) if isinstance(fields, Mapping) else None
        if anew is not None:
            return Decision(f"$.{part}", part, Outcome.PASSED, "", f"{anew} is another field in this search")
    return None


def _countable(body: JsonObject) -> Decision | None:
    """Return why a body stays as it is where all counts must."""
    mode = RewriteMode.ANCHORED
    counted = {name: body[name] for name in ("aggs", "aggregations") if name in body}
    hitless = type(body.get("size")) is int and body["size"] == 0
    if hitless and not asks_for_least(body) and not any(map(shows_hits_by_score, counted.values())):
        return Decision("$.size", "size", Outcome.KEPT, mode.value, "no hit is asked for, and the same documents match")
    for name, aggregations in counted.items():
        if aggregates_by_score(aggregations):
            return Decision(f"$.{name}", name, Outcome.PASSED, mode.value, "it depends on scores what they count")
    return None


def _walked(body: JsonObject, tree: TreeRewriter) -> JsonObject:
    """Return the body with its queries rewritten."""
    new, start = body, Place("$")
    if "query" in body:
        new = with_part(new, "query", tree.query(body["query"], start.at("query")))
        if new is not body:
            new = highlight_everywhere(new, body["query"])
    if "rescore" in body:
        new = with_part(new, "rescore", _rescorers(body["rescore"], tree, start.at("rescore")))
    if "post_filter" in body:
        tree.unscored(body["post_filter"], start.at("post_filter"))
    return new


def _rescorers(value: object, tree: TreeRewriter, place: Place) -> object:
    """Rewrite one rescorer, or each of several."""
    if not isinstance(value, list):
        return _rescorer(value, tree, place)
    return with_items(value, [_rescorer(each, tree, place.at(position)) for position, each in enumerate(value)])


def _rescorer(value: object, tree: TreeRewriter, place: Place) -> object:
    if not isinstance(value, Mapping):
        return value
    query = value.get("query")
    if not isinstance(query, Mapping) or "rescore_query" not in query:
        return value
    lowers = combined_by(query, "score_mode") not in _RAISING
    below = tree.query(query["rescore_query"], replace(place.at("query", "rescore_query"), factor=lowers))
    return with_part(value, "query", with_part(query, "rescore_query", below))


def _closed(body: JsonObject, new: JsonObject, journal: Journal, options: RewriteOptions) -> Rewritten:
    """Apply what is said about the whole body."""
    stopped = new is not body and _stops(body, journal, options.policies)
    drops = options.policies.min_score is ScorePolicy.DROP and least_asked(body)
    if new is not body and not stopped and drops:
        reason = "it was chosen for other scores, and is left out"
        journal.rewritten("$.min_score", "min_score", f"min_score: {ScorePolicy.DROP}", reason)
        new = {name: value for name, value in new.items() if name != "min_score"}
    outcome = Rewritten(new, tuple(journal.decisions))
    return _stopped(body, outcome) if stopped or outcome.refused else outcome


def _stops(body: JsonObject, journal: Journal, policies: Policies) -> bool:
    """Note what in a body reads scores so that it stays as it is; say whether it does."""
    reads: list[tuple[str, str, str, ScorePolicy]] = []
    if least_asked(body):
        reads.append(("min_score", LEAST_ASKED, "min_score", policies.min_score))
    if (part := part_scripted_by_score(body)) is not None:
        reads.append((part, SCRIPT_READS, "score_script", policies.score_script))
    return any([journal.stopped(f"$.{part}", part, reason, key, policy) for part, reason, key, policy in reads])


def _stopped(body: JsonObject, outcome: Rewritten) -> Rewritten:
    """Return the original, of which nothing was rewritten after all."""
    reason = "another part keeps the whole body as it is"
    decisions = (
        replace(decision, outcome=Outcome.KEPT, reason=reason) if decision.outcome is Outcome.REWRITTEN else decision
        for decision in outcome.decisions
    )
    return Rewritten(body, tuple(decisions))
