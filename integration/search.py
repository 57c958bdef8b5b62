"""Questions to the cluster, hits back: one question with what a person wants to see, or many with ids and scores.

An answer that lacks a shard or ran out of time is an error, never a shorter list of hits.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from csplade.integration.errors import ClusterError, RequestError
from csplade.integration.explain import Contribution, contributions
from csplade.integration.query import Mode, QueryOptions, Question, build_query, hits_body, ids_body, planned
from csplade.integration.snippet import best_snippet, one_line, words_of
from csplade.integration.templates import TEXT_FIELD, TITLE_FIELD
from csplade.integration.transport_errors import next_step, reason_of
from csplade.pipelines.errors import UsageError
from csplade.pipelines.vocab import readable
from opensearchpy import OpenSearch

_WHOLE = "allow_partial_search_results"
_SEARCHES_PER_REQUEST = 50
# More at once would fill the queue of a small cluster, which then refuses.
_SEARCHES_AT_ONCE = 4
_IDS_PER_REQUEST = 1000
# Whole texts come back, which may be long.
_TEXTS_PER_REQUEST = 200
_REQUEST_SECONDS = 120
_TOO_MANY = "maxClauseCount"

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found."""

    rank: int
    """From 1."""
    id: str
    score: float
    title: str | None
    snippet: str
    contributions: tuple[Contribution, ...] | None = None
    """What adds up to the score; None if it was not asked for."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A document that was found, without what a person wants to see."""

    id: str
    score: float


def search(
    client: OpenSearch, index: str, question: Question, options: QueryOptions, size: int = 10, explain: bool = False
) -> tuple[Hit, ...]:
    """Return the best `size` hits; none, without asking, for a question that holds nothing.

    Raises:
        UsageError: the question has more clauses than the cluster takes.
        ClusterError: the cluster does not answer in full.
    """
    query = build_query(question, options)
    if query is None:
        return ()
    body = hits_body(query, size, explain)
    try:
        answer = client.search(index=index, body=body, params={_WHOLE: "false"})
    except RequestError as error:
        raise _clearer(error, options.mode) from error
    terms = _marks(question, options)
    return tuple(_hit(rank, found, terms) for rank, found in enumerate(_found(answer, options.mode), 1))


def search_many(
    client: OpenSearch, index: str, questions: Iterable[Question], options: QueryOptions, size: int
) -> Iterator[tuple[Scored, ...]]:
    """Return the best `size` ids of each question, lazily and in order.

    Raises:
        UsageError: a question has more clauses than the cluster takes.
        ClusterError: the cluster does not answer one of them in full.
    """
    for group in groups(questions, _SEARCHES_PER_REQUEST):
        queries = [build_query(question, options) for question in group]
        answers = iter(_ask(client, index, [ids_body(query, size) for query in queries if query is not None]))
        for query in queries:
            yield () if query is None else tuple(map(_scored, _found(next(answers), options.mode)))


def count_known(client: OpenSearch, index: str, ids: Collection[str]) -> int:
    """Return how many of the ids the index holds.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    known = 0
    for group in groups(sorted(ids), _IDS_PER_REQUEST):
        answer = client.count(index=index, body={"query": {"ids": {"values": group}}})
        _check_shards(answer)
        known += int(answer["count"])
    return known


def texts_of(client: OpenSearch, index: str, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return title and text by id of the documents that the index holds; empty where a document has none.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    texts: dict[str, tuple[str, str]] = {}
    for group in groups(sorted(ids), _TEXTS_PER_REQUEST):
        body = {**hits_body({"ids": {"values": group}}, len(group)), "sort": ["_doc"]}
        answer = client.search(index=index, body=body, params={_WHOLE: "false"})
        for found in _found(answer, Mode.BM25):
            source = found.get("_source") or {}
            texts[found["_id"]] = (source.get(TITLE_FIELD) or "", source.get(TEXT_FIELD) or "")
    return texts


def groups(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Cut items into lists of at most `size`, lazily."""
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group


def _ask(client: OpenSearch, index: str, bodies: list[dict[str, Any]]) -> list[Mapping[str, Any]]:  # Any: JSON objects
    if not bodies:
        return []
    lines: list[dict[str, Any]] = []  # Any: JSON objects
    for body in bodies:
        lines += [{"index": index, _WHOLE: False}, body]
    params = {"max_concurrent_searches": _SEARCHES_AT_ONCE, "request_timeout": _REQUEST_SECONDS}
    answers: list[Mapping[str, Any]] = client.msearch(body=lines, params=params)["responses"]  # Any: JSON objects
    if len(answers) != len(bodies):
        raise ClusterError(f"the cluster gave {len(answers)} answers to {len(bodies)} searches: try again")
    return answers


def _found(answer: Mapping[str, Any], mode: Mode) -> list[Mapping[str, Any]]:  # Any: JSON objects
    """Return the hits of an answer that is whole."""
    if "error" in answer:
        raise _clearer(_refused(answer), mode)
    if answer["timed_out"]:
        raise ClusterError("the cluster ran out of time, its hits would not be the best ones: try again")
    _check_shards(answer)
    hits: list[Mapping[str, Any]] = answer["hits"]["hits"]  # Any: JSON objects
    return hits


def _check_shards(answer: Mapping[str, Any]) -> None:  # Any: a JSON object
    shards = answer["_shards"]
    # Not `failed`: a shard that is on no node counts there as little as among the successful ones.
    missing = shards["total"] - shards["successful"]
    if missing:
        reason = next((reason_of(failure["reason"]) for failure in shards.get("failures", ())), "on no node")
        raise ClusterError(
            f"{missing} of {shards['total']} shards did not answer ({reason}), so hits would be missing: "
            "look at the cluster's health and try again"
        )


def _refused(answer: Mapping[str, Any]) -> RequestError:  # Any: a JSON object
    error = answer["error"]
    causes = error.get("root_cause") or [error]
    reason = ": ".join(dict.fromkeys((reason_of(error), reason_of(causes[0]))))
    status, kind = answer["status"], error["type"]
    step = next_step(status, kind, reason)
    return RequestError(f"the cluster refused a search ({kind}): {reason}; {step}", status, kind)


def _clearer(error: RequestError, mode: Mode) -> UsageError | RequestError:
    """Return what the user can do, where that is known."""
    if _TOO_MANY not in str(error):
        return error
    # A vector is pruned to --max-clauses; words are all sent.
    step = "lower --max-clauses, or shorten" if mode.needs_vector else "shorten"
    return UsageError(
        "the query has more clauses than the cluster takes (its setting indices.query.bool.max_clause_count; each "
        f"term and each word is one): {step} the query or the filter"
    )


def _marks(question: Question, options: QueryOptions) -> dict[str, float]:
    """Return what a snippet should show, with weights: the terms that are sent, else the words."""
    terms = {readable(term).lower(): weight for term, weight in planned(question, options).vector}
    return terms or words_of(question.text)


def _hit(rank: int, found: Mapping[str, Any], terms: Mapping[str, float]) -> Hit:  # Any: a JSON object
    source = found.get("_source") or {}
    title, text = source.get(TITLE_FIELD), source.get(TEXT_FIELD) or ""
    explanation = found.get("_explanation")
    return Hit(
        rank,
        found["_id"],
        float(found["_score"]),
        one_line(title) if title else None,
        best_snippet(text, terms),
        None if explanation is None else contributions(explanation),
    )


def _scored(found: Mapping[str, Any]) -> Scored:  # Any: a JSON object
    return Scored(found["_id"], float(found["_score"]))
