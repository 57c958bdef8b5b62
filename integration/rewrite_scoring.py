"""A text clause that was read becomes the clause that takes its place: term weights, and BM25 beside them; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from csplade.integration.clauses import sparse_clause
from csplade.integration.dialect import Dialect
from csplade.integration.planner import PlanOptions, plan
from csplade.integration.rewrite_clauses import TextClause, TextField
from csplade.integration.rewrite_originals import original, remainder
from csplade.integration.rewrite_policy import Shape
from csplade.integration.rewrite_report import JsonObject
from csplade.pipelines.sparse import SparseVector

Encode = Callable[[str], SparseVector]
"""Turns a query's text into its vector."""


class Scorer:
    """Makes the vectors that are sent, and counts what is."""

    def __init__(self, encode: Encode, options: PlanOptions, limit: int) -> None:
        self._planned = cache(lambda text: plan(encode(text), options, limit=limit).vector)
        self.vectors = 0
        """Vectors sent so far, one for each text and weights field."""
        self.terms = 0
        """Terms sent so far."""

    def sent(self, text: str, times: int) -> SparseVector:
        """Return what is sent of a text's vector, and count it as sent for so many weights fields."""
        vector = self._planned(text)
        self.vectors += times if vector else 0
        self.terms += times * len(vector)
        return vector


@dataclass(frozen=True)
class Target:
    """Where the text of a clause is looked for."""

    weights: Mapping[str, float]
    """Factor by weights field."""
    rest: tuple[TextField, ...]
    """Fields that no weights cover."""


@dataclass(frozen=True)
class Composer:
    """Puts clauses together; `bm25_weight` is the factor of an original's score where it counts."""

    dialect: Dialect
    bm25_weight: float

    def compose(
        self, clause: TextClause, body: JsonObject, target: Target, vector: SparseVector, shape: Shape
    ) -> JsonObject:
        """Return the query that takes the place of a clause; `vector` is that of its text, and not empty."""
        if shape is Shape.ALONE:
            rest = self._rest(clause, body, target, any_word=False)
            return _named(self._scored(clause, target, vector, rest, clause.boost), clause.name)
        outer = {} if clause.boost == 1 else {"boost": clause.boost}
        return _named({"bool": {**self._beside(clause, body, target, vector, shape), **outer}}, clause.name)

    def _beside(
        self, clause: TextClause, body: JsonObject, target: Target, vector: SparseVector, shape: Shape
    ) -> JsonObject:
        """Return the parts of a `bool` with the original in it."""
        if shape is Shape.FILTER:
            rest = self._rest(clause, body, target, any_word=True)
            scored = self._scored(clause, target, vector, rest, 1.0)
            # Said, so that nobody has to know what the default is beside a filter.
            return {"filter": [original(clause.kind, body, 1.0)], "should": [scored], "minimum_should_match": 0}
        # The original scores the fields without weights as well.
        scored = self._scored(clause, target, vector, [], 1.0)
        counted = original(clause.kind, body, self.bm25_weight)
        if shape is Shape.MUST:
            return {"must": [counted], "should": [scored], "minimum_should_match": 0}
        return {"should": [scored, counted], "minimum_should_match": 1}

    def _rest(self, clause: TextClause, body: JsonObject, target: Target, any_word: bool) -> list[JsonObject]:
        """Return what scores the fields without weights."""
        return [remainder(clause.kind, body, target.rest, any_word)] if target.rest else []

    def _scored(
        self, clause: TextClause, target: Target, vector: SparseVector, rest: Sequence[JsonObject], boost: float
    ) -> JsonObject:
        """Return the clause that scores: term weights of one field, or several parts as the clause combines them."""
        if len(target.weights) == 1 and not rest:
            ((field, factor),) = target.weights.items()
            return sparse_clause(vector, self.dialect, field, factor * boost)
        parts = [sparse_clause(vector, self.dialect, field, factor) for field, factor in target.weights.items()]
        outer = {} if boost == 1 else {"boost": boost}
        if clause.across:
            return {"bool": {"should": [*parts, *rest], **outer}}
        return {"dis_max": {"queries": [*parts, *rest], "tie_breaker": clause.tie, **outer}}


def _named(query: JsonObject, name: str | None) -> JsonObject:
    """Return a query with a name, in a place where each kind of query takes it."""
    if name is None:
        return query
    ((kind, body),) = query.items()
    if kind in ("bool", "dis_max"):
        return {kind: {**body, "_name": name}}
    return {"bool": {"must": [query], "_name": name}}
