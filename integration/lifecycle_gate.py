"""Two indexes are compared before one takes the other's place: documents counted, queries asked, rankings compared.

`compare` asks the cluster; whether what it found is good enough is decided by `faults`, which is pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from csplade.integration.answers import count_documents
from csplade.integration.query import QueryOptions, Question
from csplade.integration.refresh import refresh
from csplade.integration.search import search_many
from csplade.pipelines.errors import UsageError
from csplade.pipelines.evaluate import ASKED_DEPTH, Collection, measure, order
from opensearchpy import OpenSearch

TOP = 10
_NDCG = "nDCG@10"


@dataclass(frozen=True)
class GateOptions:
    """What a new index must reach.

    Raises:
        UsageError: a number is out of its range.
    """

    count_difference: int = 0
    """Documents that it may have more or fewer than the live one."""
    least_overlap: float = 0.5
    """Of the 10 best hits of a query, the share that both must find, as a mean over the queries."""
    margin: float = 0.01
    """By how much its nDCG@10 may be below that of the live one."""

    def __post_init__(self) -> None:
        if self.count_difference < 0 or not 0 <= self.least_overlap <= 1 or not 0 <= self.margin <= 1:
            raise UsageError(
                f"a difference of {self.count_difference} documents, an overlap of {self.least_overlap} and a margin "
                f"of {self.margin} are no gate: give a whole number from 0 on, and numbers from 0 to 1"
            )


@dataclass(frozen=True)
class Side:
    """One of the two indexes, and how it is asked."""

    index: str
    options: QueryOptions
    questions: Sequence[Question]
    """The same queries on both sides, each encoded for its index."""


@dataclass(frozen=True)
class Comparison:
    """What was found, of the live index and the new one."""

    live_documents: int
    new_documents: int
    queries: int = 0
    """Those that were asked."""
    overlap: float | None = None
    """Mean over the queries that find something; None if none does."""
    live_ndcg: float | None = None
    new_ndcg: float | None = None
    """nDCG@10; None without judgments."""


def count_both(client: OpenSearch, live: str, new: str) -> Comparison:
    """Count the documents of two indexes, the last ones included.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    return Comparison(_count(client, live), _count(client, new))


def compare(
    client: OpenSearch,
    live: Side,
    new: Side,
    judged: Collection | None = None,
) -> Comparison:
    """Count, ask both indexes and compare what they find; `judged` holds the questions' judgments, in their order.

    Raises:
        UsageError: the cluster or an index lacks what the options want.
        MissingExtraError: there are judgments, and ir_measures is not installed.
        ClusterError: the cluster does not answer in full.
    """
    counted = count_both(client, live.index, new.index)
    own = [None] * len(live.questions) if judged is None else list(map(judged.own_document, judged.queries))
    ours, theirs = _rankings(client, live, own), _rankings(client, new, own)
    measured: list[float | None] = [None, None]
    if judged is not None:
        measured = [
            measure(judged.judgments, dict(zip(judged.queries, found, strict=True)))[_NDCG] for found in (ours, theirs)
        ]
    return Comparison(
        counted.live_documents, counted.new_documents, len(live.questions), mean_overlap(ours, theirs), *measured
    )


def mean_overlap(ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]) -> float | None:
    """Return which share of their `TOP` best two rankings have in common, as a mean over those that hold something."""
    pairs = [(set(one[:TOP]), set(other[:TOP])) for one, other in zip(ours, theirs, strict=True) if one or other]
    shares = [len(one & other) / max(len(one), len(other)) for one, other in pairs]
    return sum(shares) / len(shares) if shares else None


def faults(found: Comparison, options: GateOptions) -> tuple[str, ...]:
    """Return why the new index must not take the place of the live one, as parts of a sentence; none if it may."""
    wrong: list[str] = []
    if abs(found.live_documents - found.new_documents) > options.count_difference:
        wrong.append(f"it holds {found.new_documents} documents and the live one {found.live_documents}")
    if found.queries and found.overlap is None:
        wrong.append(f"none of {found.queries} queries finds anything in either")
    elif found.overlap is not None and found.overlap < options.least_overlap:
        wrong.append(
            f"the {TOP} best hits overlap by {found.overlap:.1%}, and {options.least_overlap:.1%} are the least"
        )
    live, new = found.live_ndcg, found.new_ndcg
    if live is not None and new is not None and new < live - options.margin:
        wrong.append(f"its {_NDCG} is {new:.4f}, that of the live one {live:.4f}, and the margin {options.margin}")
    return tuple(wrong)


def _rankings(client: OpenSearch, side: Side, own: Sequence[str | None]) -> list[tuple[str, ...]]:
    # More are asked for than compared, so that equal scores at the end are ordered by id in both.
    found = search_many(client, side.index, side.questions, side.options, ASKED_DEPTH)
    return [order(((hit.id, hit.score) for hit in hits), without=each) for hits, each in zip(found, own, strict=True)]


def _count(client: OpenSearch, index: str) -> int:
    refresh(client, index)
    return count_documents(client, index)
