"""A query tree comes in, the tree with rewritten clauses goes out; parts that do not change stay the same objects.

Only what is scored is looked at. Where a clause merely decides what matches (a filter, a negation, a score that is
thrown away), it stays: there is nothing to win.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from csplade.integration.rewrite_budget import TEXT_KINDS
from csplade.integration.rewrite_clauses import asks_for_several
from csplade.integration.rewrite_highlight import highlight_inner_hits
from csplade.integration.rewrite_parts import with_items, with_part
from csplade.integration.rewrite_place import Place
from csplade.integration.rewrite_policy import Option, Policy, RewriteMode, RewriteOptions, ScorePolicy
from csplade.integration.rewrite_report import Journal, JsonObject
from csplade.integration.rewrite_scores import (
    LEAST_ASKED,
    SCRIPT_READS,
    combined_by,
    least_asked,
    mentions_score,
    scripted_by_score,
)
from csplade.integration.rewrite_text import TextRewriter

Check = Callable[[], None]
"""Is called before each clause; what it raises ends the rewriting."""
DEEPEST = 50
"""Levels of a query that are looked at; clusters refuse deeper ones."""

_SCORED: Mapping[str, tuple[str, ...]] = {
    "bool": ("must", "should"),
    "dis_max": ("queries",),
    "boosting": ("positive",),
    "hybrid": ("queries",),
    **dict.fromkeys(("constant_score", "function_score", "script_score", "nested", "has_child", "has_parent"), ()),
}
_UNSCORED: Mapping[str, tuple[str, ...]] = {
    "bool": ("filter", "must_not"),
    "boosting": ("negative",),
    "constant_score": ("filter",),
    "hybrid": ("filter",),
}
_NO_TEXT = frozenset(
    {
        *("match_all", "match_none", "term", "terms", "terms_set", "range", "exists", "ids", "prefix", "wildcard"),
        *("regexp", "fuzzy", "type", "geo_bounding_box", "geo_distance", "geo_polygon", "geo_shape", "geo_grid"),
        *("shape", "xy_shape", "script", "percolate", "parent_id", "knn", "rank_feature", "distance_feature"),
        *("sparse_vector", "neural_sparse", "neural", "text_expansion", "weighted_tokens", "semantic"),
    }
)
# Which option says whether the score counts, what it says by default (it does not), and else.
_JOINED: Mapping[str, tuple[str, object, tuple[object, ...]]] = {
    "has_child": ("score_mode", "none", ("avg", "max", "min", "sum")),
    "has_parent": ("score", False, (True,)),
}
# They let a text match more than it did.
_LOOSE = (Policy.DROP, Policy.BOOSTING)
_ONLY_MATCHES = "only whether it matches counts here, not its score"


class TreeRewriter:
    """Rewrites query trees, and notes in its journal what became of each clause."""

    def __init__(self, text: TextRewriter, options: RewriteOptions, journal: Journal, check: Check) -> None:
        self._options = options
        self._check = check
        self._journal = journal
        self._text = text
        self._special: Mapping[str, Callable[[str, JsonObject, Place], JsonObject | None]] = {
            "bool": self._bool,
            "function_score": self._function_score,
            "script_score": self._script_score,
            "nested": self._nested,
            "has_child": self._joined,
            "has_parent": self._joined,
        }

    def query(self, query: object, place: Place) -> object:
        """Return the query that takes the place of one that is scored; the same object if nothing changes."""
        self._check()
        if not isinstance(query, Mapping) or len(query) != 1:
            self._journal.passed(place.path, "query", "it is not one clause")
            return query
        ((kind, body),) = query.items()
        if place.depth == DEEPEST:
            self._journal.passed(place.path, kind, f"it lies deeper than {DEEPEST} levels")
            return query
        new = self._clause(kind, body, replace(place, depth=place.depth + 1))
        return query if new is None else new

    def unscored(self, value: object, place: Place) -> None:
        """Note clauses of which only matching counts."""
        for position, clause in enumerate(value if isinstance(value, list) else [value]):
            self._check()
            kind = next(iter(clause), "query") if isinstance(clause, Mapping) else "query"
            path = place.at(position).path if isinstance(value, list) else place.path
            self._journal.kept(path, kind, _ONLY_MATCHES)

    def _clause(self, kind: str, body: object, place: Place) -> JsonObject | None:
        """Return what takes a clause's place; None: nothing does."""
        if kind in _NO_TEXT:
            self._journal.kept(place.path, kind, "it holds no text to look for")
        elif kind not in TEXT_KINDS and kind not in _SCORED:
            self._journal.passed(place.path, kind, "this clause is not known")
        elif not isinstance(body, Mapping):
            self._journal.passed(place.path, kind, "it is not an object")
        elif kind in TEXT_KINDS:
            return self._text.rewritten(kind, body, place)
        elif kind in self._special:
            return self._special[kind](kind, body, place)
        else:
            return self._compound(kind, body, place, _SCORED[kind])
        return None

    def _compound(self, kind: str, body: JsonObject, place: Place, scored: Sequence[str]) -> JsonObject | None:
        new = body
        for name in scored:
            if name in body:
                new = with_part(new, name, self._children(body[name], place.at(kind, name)))
        for name in _UNSCORED.get(kind, ()):
            if name in body:
                self.unscored(body[name], place.at(kind, name))
        return None if new is body else {kind: new}

    def _children(self, value: object, place: Place) -> object:
        if not isinstance(value, list):
            return self.query(value, place)
        new = [self.query(child, place.at(position)) for position, child in enumerate(value)]
        return with_items(value, new)

    def _bool(self, kind: str, body: JsonObject, place: Place) -> JsonObject | None:
        """Rewrite its clauses; where several of them must match, with a policy for each text among them."""
        if not asks_for_several(body.get("minimum_should_match")):
            return self._compound(kind, body, place, _SCORED[kind])
        new = (self._compound(kind, body, place, ("must",)) or {kind: body})[kind]
        if "should" in body:
            below = replace(place.at(kind, "should"), counted=True)
            new = with_part(new, "should", self._children(body["should"], below))
            if new["should"] is not body["should"] and not self._still_counts():
                new = {**new, "minimum_should_match": 1}
        return None if new is body else {kind: new}

    def _still_counts(self) -> bool:
        """Say whether clauses below a `bool` that counts them match just what their originals do."""
        options = self._options
        return options.mode is RewriteMode.ANCHORED or options.policies.minimum_should_match is Policy.REQUIRED

    def _function_score(self, kind: str, body: JsonObject, place: Place) -> JsonObject | None:
        functions = {name: value for name, value in body.items() if name != "query"}
        scripted = mentions_score(functions)
        if combined_by(body, "boost_mode") == "replace" and not scripted:
            self._not_scored(kind, body, place)
            return None
        return self._reading_scores(kind, body, place, scripted)

    def _script_score(self, kind: str, body: JsonObject, place: Place) -> JsonObject | None:
        if not mentions_score({"script": body.get("script")}):
            self._not_scored(kind, body, place)
            return None
        return self._reading_scores(kind, body, place, True)

    def _not_scored(self, kind: str, body: JsonObject, place: Place) -> None:
        if "query" in body:
            self.unscored(body["query"], place.at(kind, "query"))

    def _reading_scores(self, kind: str, body: JsonObject, place: Place, scripted: bool) -> JsonObject | None:
        """Rewrite what is below a script or a lowest score, as its policy says."""
        policies = self._options.policies
        reads = [("score_script", SCRIPT_READS, policies.score_script)] if scripted else []
        if least_asked(body):
            reads.append(("min_score", LEAST_ASKED, policies.min_score))
        if any(self._journal.stopped(place.path, kind, reason, key, policy) for key, reason, policy in reads):
            return None
        new = self._compound(kind, body, place, ("query",))
        if new is None or policies.min_score is not ScorePolicy.DROP or not least_asked(body):
            return new
        return {kind: {name: value for name, value in new[kind].items() if name != "min_score"}}

    def _nested(self, kind: str, body: JsonObject, place: Place) -> JsonObject | None:
        path = body.get("path")
        if not isinstance(path, str):
            self._journal.passed(place.path, kind, "it names no path")
            return None
        if combined_by(body, "score_mode") == "none":
            self._not_scored(kind, body, place)
            return None
        return self._inside(kind, body, replace(place, nested=path))

    def _joined(self, kind: str, body: JsonObject, place: Place) -> JsonObject | None:
        """Rewrite the query about children or about the parent: other documents of the same index."""
        name, nothing, scored = _JOINED[kind]
        value = combined_by(body, name) if name in body else nothing
        if value == nothing:
            self._not_scored(kind, body, place)
            return None
        if value not in scored:
            self._journal.passed(place.path, kind, f"its {name} is not known")
            return None
        policy = self._options.policies.minimum_should_match
        counts = _counts_matches(body)
        if counts and policy in _LOOSE and not self._still_counts():
            reason = "it counts its children, of which more would match"
            self._journal.passed(place.path, kind, reason, f"{Option.MINIMUM_SHOULD_MATCH}: {policy}")
            return None
        return self._inside(kind, body, replace(place, nested=None, counted=place.counted or counts))

    def _inside(self, kind: str, body: JsonObject, place: Place) -> JsonObject | None:
        new = self._reading_scores(kind, body, place, scripted_by_score(body.get("inner_hits")))
        return None if new is None else {kind: highlight_inner_hits(new[kind], body["query"])}


def _counts_matches(body: JsonObject) -> bool:
    """Say whether it counts how many children match below a clause."""
    return asks_for_several(body.get("min_children")) or body.get("max_children") is not None
