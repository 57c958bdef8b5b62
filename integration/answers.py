"""Bodies of searches go to the cluster, answers come back that are whole.

An answer that lacks a shard or ran out of time is an error, never a shorter list of hits.
"""

import re
from collections.abc import Mapping
from typing import Any

from csplade.integration.errors import ClusterError, RequestError
from csplade.integration.query import Mode
from csplade.integration.transport_errors import next_step, reason_of
from csplade.pipelines.errors import UsageError
from opensearchpy import OpenSearch

_WHOLE = "allow_partial_search_results"
# More at once would fill the queue of a small cluster, which then refuses.
_SEARCHES_AT_ONCE = 4
_REQUEST_SECONDS = 120
_TOO_MANY = re.compile(r"maxClauseCount(?: is set to (\d+))?")


def ask(
    client: OpenSearch, index: str, body: Mapping[str, Any], mode: Mode
) -> tuple[list[Mapping[str, Any]], Mapping[str, Any] | None]:  # Any: JSON objects
    """Return the hits of a search, and the total if it was counted.

    Raises:
        UsageError: the search has more clauses than the cluster takes.
        ClusterError: the cluster does not answer in full.
    """
    try:
        answer = client.search(index=index, body=body, params={_WHOLE: "false"})
    except RequestError as error:
        raise _clearer(error, mode) from error
    return hits_of(answer, mode), answer["hits"].get("total")


def ask_many(
    client: OpenSearch, index: str, bodies: list[dict[str, Any]]
) -> list[Mapping[str, Any]]:  # Any: JSON objects
    """Return the answers to searches, sent at once; each may be an error, see `hits_of`."""
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


def hits_of(answer: Mapping[str, Any], mode: Mode) -> list[Mapping[str, Any]]:  # Any: JSON objects
    """Return the hits of an answer that is whole.

    Raises:
        UsageError: the search had more clauses than the cluster takes.
        ClusterError: it is not whole.
    """
    if "error" in answer:
        raise _clearer(_refused(answer), mode)
    if answer["timed_out"]:
        raise ClusterError("the cluster ran out of time, its hits would not be the best ones: try again")
    check_shards(answer)
    hits: list[Mapping[str, Any]] = answer["hits"]["hits"]  # Any: JSON objects
    return hits


def count_documents(
    client: OpenSearch, index: str, query: Mapping[str, Any] | None = None
) -> int:  # Any: a query clause
    """Count what an index holds and a search would find, or what of it matches a query.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    answer = client.count(index=index, body=None if query is None else {"query": query})
    check_shards(answer)
    return int(answer["count"])


def check_shards(answer: Mapping[str, Any]) -> None:  # Any: a JSON object
    """Check that all shards have answered.

    Raises:
        ClusterError: one has not.
    """
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
    reason = reason_of(error)
    status, kind = answer["status"], error["type"]
    step = next_step(status, kind, reason)
    return RequestError(f"the cluster refused a search ({kind}): {reason}; {step}", status, kind)


def _clearer(error: RequestError, mode: Mode) -> UsageError | RequestError:
    """Return what the user can do, where that is known."""
    found = _TOO_MANY.search(str(error))
    if found is None:
        return error
    # A vector is pruned to --max-clauses; words are all sent.
    step = "lower --max-clauses, or shorten" if mode.needs_vector else "shorten"
    return UsageError(
        f"the query has more clauses than the cluster takes ({found[1] or 'the limit'} is its setting "
        f"indices.query.bool.max_clause_count; each term and each word is one): {step} the query or the filter"
    )
