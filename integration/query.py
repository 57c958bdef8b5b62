"""A question and a mode come in, the JSON of a query goes out; pure. `searches` makes searches of queries.

What a vector becomes depends on the cluster's dialect, see `clauses`. A user's filter stands beside clauses of which at
least one must match, so it narrows hits and never adds any.
"""

import enum
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from csplade.integration.clauses import sparse_clause
from csplade.integration.dialect import PLAIN, Dialect
from csplade.integration.planner import Anchor, Fusion, Plan, PlanOptions, plan
from csplade.integration.rewrite_budget import clauses_of
from csplade.integration.seismic import Remap
from csplade.pipelines.calibration import Calibration
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector

DEFAULT_BM25_WEIGHT = 1.0

_WORD = re.compile(r"\w+")


class Mode(enum.StrEnum):
    """What a document is compared with."""

    BM25 = "bm25"
    SPARSE = "sparse"
    HYBRID = "hybrid"

    @property
    def needs_vector(self) -> bool:
        """Say whether a question must be encoded for this mode."""
        return self is not Mode.BM25


@dataclass(frozen=True, slots=True)
class Question:
    """A query's text and its vector; the vector stays empty for BM25."""

    text: str
    vector: SparseVector = field(default_factory=SparseVector)


@dataclass(frozen=True)
class Scales:
    """Scores of a good hit in one index, by which scores of terms and of BM25 become comparable."""

    sparse: float
    bm25: float


@dataclass(frozen=True)
class QueryOptions:
    """How questions become queries.

    Raises:
        UsageError: BM25's weight is negative or no number, or the query is anchored in a filter that is not there.
    """

    mode: Mode = Mode.SPARSE
    filters: tuple[Mapping[str, Any], ...] = ()  # Any: query clauses of the cluster's language
    bm25_weight: float = DEFAULT_BM25_WEIGHT
    """Factor of BM25's score in a hybrid query."""
    plan: PlanOptions = field(default_factory=PlanOptions)
    dialect: Dialect = PLAIN
    """That of the index, see `require_index`."""
    scales: Scales | None = None
    """What scores are divided by in a normalized sum, see `calibrate`."""
    calibration: Calibration | None = None
    """What the weights of a question's vector are multiplied by for the index."""
    remap: Remap | None = None
    """The numbers of terms in the index's SEISMIC field, None if it has none."""

    def __post_init__(self) -> None:
        if not 0 <= self.bm25_weight < math.inf:
            raise UsageError(f"BM25 cannot have the weight {self.bm25_weight}: give a number from 0 on")
        if self.plan.anchor is Anchor.FILTER and not self.filters:
            raise UsageError(
                "a query that is anchored in its filter needs one: give --filter, or choose another anchor"
            )

    @property
    def fusion(self) -> Fusion:
        """Return how terms and BM25 come together; of one alone, there is nothing to choose."""
        return self.plan.fusion if self.mode is Mode.HYBRID else Fusion.SUM


def weighed(question: Question, options: QueryOptions) -> SparseVector:
    """Return the whole vector of a question, with its weights for this index."""
    return question.vector if options.calibration is None else options.calibration.applied(question.vector)


def planned(question: Question, options: QueryOptions) -> Plan:
    """Return the part of the question's vector that this mode sends."""
    if not options.mode.needs_vector:
        return Plan(SparseVector(), 0, 1.0)
    asked = options.plan
    reserved = sum(clauses_of(clause, 1) for clause in options.filters)
    # Each word of a `match` is a clause in each field.
    matches = len(asked.text_fields) * (bool(_text_weight(options)) + (asked.anchor is Anchor.TEXT))
    reserved += matches * len(_WORD.findall(question.text))
    return plan(weighed(question, options), asked, reserved, options.dialect.max_clauses)


def scored(
    question: Question, vector: SparseVector, options: QueryOptions
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:  # Any: JSON objects
    """Return the clauses of terms and those of BM25."""
    scales = _scales(options)
    sparse = []
    if vector:
        sparse = [
            sparse_clause(vector, options.dialect, field.name, field.weight / scales.sparse)
            for field in options.plan.fields
        ]
    weight = _text_weight(options) / scales.bm25
    return sparse, _text_clauses(question.text, weight, options.plan) if weight else []


def combined(
    clauses: list[dict[str, Any]], question: Question, options: QueryOptions
) -> dict[str, Any] | None:  # Any: JSON objects
    """Return a query that sums up the clauses for documents that pass the filters and match the anchor, or a clause."""
    anchored = _anchored(question, options)
    if not clauses or anchored == []:
        return None
    filters: list[Mapping[str, Any]] = list(options.filters)  # Any: JSON objects
    if anchored:
        filters.append(any_of(anchored))
    query: dict[str, Any] = {"should": clauses, "minimum_should_match": int(options.plan.anchor is Anchor.NONE)}
    if filters:
        query["filter"] = filters
    return {"bool": query}


def any_of(clauses: list[dict[str, Any]]) -> dict[str, Any]:  # Any: JSON objects
    """Return one clause that matches what any of these match, with the sum of their scores."""
    return clauses[0] if len(clauses) == 1 else {"bool": {"should": clauses}}


def parse_filter(text: str) -> tuple[Mapping[str, Any], ...]:  # Any: query clauses of the cluster's language
    """Read a filter: one query clause, or a list of them that must all hold.

    Raises:
        UsageError: it is not JSON, or not made of clauses; the message says where.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UsageError(
            f"--filter is not JSON ({error.msg} at line {error.lineno} column {error.colno}): "
            'write a query clause like {"term": {"lang": "en"}}'
        ) from error
    clauses = value if isinstance(value, list) else [value]
    for number, clause in enumerate(clauses, start=1):
        if not isinstance(clause, dict) or len(clause) != 1:
            raise UsageError(
                f"clause {number} of --filter is {orjson.dumps(clause).decode()[:100]}: "
                'write an object with one name, like {"term": {"lang": "en"}}'
            )
    return tuple(clauses)


def _scales(options: QueryOptions) -> Scales:
    if options.fusion is not Fusion.NORMALIZED:
        return Scales(1.0, 1.0)
    if options.scales is None:
        raise UsageError(
            "the index holds no scales of scores to normalize by: `csplade calibrate` measures them; or choose another "
            "fusion"
        )
    return options.scales


def _text_weight(options: QueryOptions) -> float:
    """Return the factor of BM25's score; with 0 its clause is left out."""
    return {Mode.BM25: 1.0, Mode.SPARSE: 0.0, Mode.HYBRID: options.bm25_weight}[options.mode]


def _text_clauses(text: str, weight: float, asked: PlanOptions) -> list[dict[str, Any]]:  # Any: JSON objects
    if not text.strip():
        return []
    return [{"match": {field.name: {"query": text, "boost": weight * field.weight}}} for field in asked.text_fields]


def _anchored(question: Question, options: QueryOptions) -> list[dict[str, Any]] | None:  # Any: JSON objects
    """Return the clauses of which a document must match one, None if it need not."""
    if options.plan.anchor is not Anchor.TEXT:
        return None
    return _text_clauses(question.text, 1.0, options.plan)
