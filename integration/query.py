"""A question and a mode come in, the JSON of a search goes out; pure.

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
from csplade.integration.planner import Plan, PlanOptions, plan
from csplade.integration.templates import TEXT_FIELD, TITLE_FIELD
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
class QueryOptions:
    """How questions become queries.

    Raises:
        UsageError: BM25's weight is negative or no number.
    """

    mode: Mode = Mode.SPARSE
    filters: tuple[Mapping[str, Any], ...] = ()  # Any: query clauses of the cluster's language
    bm25_weight: float = DEFAULT_BM25_WEIGHT
    """Factor of BM25's score in a hybrid query."""
    plan: PlanOptions = field(default_factory=PlanOptions)
    dialect: Dialect = PLAIN
    """That of the index, see `require_index`."""

    def __post_init__(self) -> None:
        if not 0 <= self.bm25_weight < math.inf:
            raise UsageError(f"BM25 cannot have the weight {self.bm25_weight}: give a number from 0 on")


def planned(question: Question, options: QueryOptions) -> Plan:
    """Return the part of the question's vector that this mode sends."""
    if not options.mode.needs_vector:
        return Plan(SparseVector(), 0, 1.0)
    # Each word of a `match` is a clause as well.
    words = len(_WORD.findall(question.text)) if _text_weight(options) else 0
    return plan(question.vector, options.plan, words, options.dialect.max_clauses)


def build_query(question: Question, options: QueryOptions) -> dict[str, Any] | None:  # Any: a JSON object
    """Return the query, None if nothing can match it."""
    vector = planned(question, options).vector
    clauses = [sparse_clause(vector, options.dialect)] if vector else []
    if question.text.strip():
        clauses += _text_clauses(question.text, options)
    if not clauses:
        return None
    query: dict[str, Any] = {"should": clauses, "minimum_should_match": 1}  # Any: a JSON object
    if options.filters:
        query["filter"] = list(options.filters)
    return {"bool": query}


def hits_body(query: Mapping[str, Any], size: int, explain: bool = False) -> dict[str, Any]:  # Any: a JSON object
    """Return the body of a search whose hits are shown; the weights, large, stay in the cluster."""
    return {
        "query": query,
        "size": size,
        "_source": [TITLE_FIELD, TEXT_FIELD],
        "explain": explain,
        "track_total_hits": False,
    }


def ids_body(query: Mapping[str, Any], size: int) -> dict[str, Any]:  # Any: a JSON object
    """Return the body of a search of which only ids and scores are wanted."""
    return {"query": query, "size": size, "_source": False, "track_total_hits": False}


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


def _text_weight(options: QueryOptions) -> float:
    """Return the factor of BM25's score; with 0 its clause is left out."""
    return {Mode.BM25: 1.0, Mode.SPARSE: 0.0, Mode.HYBRID: options.bm25_weight}[options.mode]


def _text_clauses(text: str, options: QueryOptions) -> list[dict[str, Any]]:  # Any: a JSON object
    weight = _text_weight(options)
    return [{"match": {TEXT_FIELD: {"query": text, "boost": weight}}}] if weight else []
