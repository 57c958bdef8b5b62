"""One batch of documents to the cluster, with patience: what the cluster has no room for now is sent again.

Sent again are single documents answered with 429 or 503, and the whole request when it meets 429, 502, 503, 504, no
answer or half of one. Documents have stable ids, so that sending one twice changes nothing.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from csplade.integration.bulk_pace import Pace, PaceOptions
from csplade.integration.circuit import Circuit
from csplade.integration.client import address
from csplade.integration.documents import Document
from csplade.integration.errors import ClusterError, CredentialsError, RequestError, UnreachableError
from csplade.integration.patience import BUSY_CLUSTER, Patience
from csplade.integration.transport_errors import reason_of
from opensearchpy import OpenSearch

_BUSY_DOCUMENT = frozenset({429, 503})
_CREATED = 201
_TOO_LARGE = 413
# Said of single documents, and yet about the index.
_INDEX_UNUSABLE = frozenset({"cluster_block_exception", "index_closed_exception", "index_not_found_exception"})


@dataclass(frozen=True, slots=True)
class Action:
    """A document and its two lines of a bulk request."""

    document: Document
    lines: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that the cluster refuses, and why."""

    document: Document
    reason: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What has become of a batch."""

    failures: Sequence[Failure] = ()
    created: int = 0
    """Documents that were not there before."""
    doubtful: int = 0
    """Documents that may have been made by an earlier request of this batch, of which nobody knows what it did."""


@dataclass(frozen=True)
class _Answer:
    failed: tuple[Failure, ...] = ()
    again: tuple[Action, ...] = ()
    busy: ClusterError | None = None
    """Why the documents in `again` were not taken."""
    whole: bool = False
    """Whether that was an answer to a whole request."""
    created: int = 0
    replaced: int = 0

    def __add__(self, other: "_Answer") -> "_Answer":
        failed, again = self.failed + other.failed, self.again + other.again
        created, replaced = self.created + other.created, self.replaced + other.replaced
        return _Answer(failed, again, self.busy or other.busy, self.whole or other.whole, created, replaced)


def send(
    client: OpenSearch,
    index: str,
    actions: Sequence[Action],
    patience: Patience,
    circuit: Circuit | None = None,
    pace: Pace | None = None,
) -> Sent:
    """Index the documents, and tell which of them the cluster refuses; no id may be in `actions` twice.

    Those who send at the same time share a circuit and a pace.

    Raises:
        ClusterError: the request itself is refused, or the cluster takes nothing for longer than the patience lasts.
        CancelledError: the circuit was stopped.
    """
    circuit, pace = circuit or Circuit(patience.outage), pace or Pace(PaceOptions())
    failed: list[Failure] = []
    waiting = tuple(actions)
    partly = created = doubtful = 0
    doubt = False
    for attempt in count():
        with circuit.turn(patience.wait(attempt) if attempt else 0.0):
            began = time.monotonic()
            answer = _request(client, index, waiting, patience.request_seconds)
            failed += answer.failed
            created += answer.created
            doubtful += answer.replaced if doubt else 0
            nothing = answer.whole or len(answer.again) == len(actions)
            waited_for = _tell(circuit, pace, began, answer, nothing)
        waiting = answer.again
        if not waiting:
            return Sent(failed, created, doubtful)
        doubt = doubt or answer.whole
        # A cluster that takes nothing at all is not a fault of these documents: wait, or stop, but fail none of them.
        if nothing:
            if answer.busy is not None and attempt + 1 >= patience.attempts and not waited_for:
                raise answer.busy
            continue
        partly += 1
        if partly >= patience.attempts:
            break
    failed += [Failure(action.document, f"{answer.busy} ({partly} attempts)") for action in waiting]
    return Sent(failed, created, doubtful + (len(waiting) if doubt else 0))


def _tell(circuit: Circuit, pace: Pace, began: float, answer: "_Answer", nothing: bool) -> bool:
    """Let the others know how it went; return whether a cluster that took nothing may be waited for."""
    pace.answered(began, whole=not answer.again)
    if nothing and answer.busy is not None:
        return circuit.refused(answer.busy)
    circuit.taken()
    return True


def _request(client: OpenSearch, index: str, actions: tuple[Action, ...], seconds: float) -> _Answer:
    try:
        answer = client.bulk(
            body=b"".join(action.lines for action in actions),
            index=index,
            params={"filter_path": "items.*.status,items.*.error", "request_timeout": seconds},
        )
    except UnreachableError as error:
        return _Answer(again=actions, busy=error, whole=True)
    except RequestError as error:
        if error.status in BUSY_CLUSTER:
            return _Answer(again=actions, busy=error, whole=True)
        if error.status == _TOO_LARGE:
            return _smaller(client, index, actions, seconds, error)
        raise
    items = answer.get("items", [])
    if len(items) != len(actions):
        raise RequestError(
            f"{address(client)} answered {len(items)} of {len(actions)} documents: check what stands there"
        )
    return _sorted(actions, items)


def _smaller(
    client: OpenSearch, index: str, actions: tuple[Action, ...], seconds: float, error: RequestError
) -> _Answer:
    """Send a batch that a proxy or the cluster finds too large in two halves."""
    if len(actions) == 1:
        return _Answer(failed=(Failure(actions[0].document, str(error)),))
    middle = len(actions) // 2
    return _request(client, index, actions[:middle], seconds) + _request(client, index, actions[middle:], seconds)


def _sorted(actions: Sequence[Action], items: Sequence[Mapping[str, Any]]) -> _Answer:  # Any: JSON objects
    """Tell the refused documents from those to send again."""
    failed, again = [], []
    busy: ClusterError | None = None
    created = replaced = 0
    for action, item in zip(actions, items, strict=True):
        (result,) = item.values()
        if result["status"] < 300:
            created += result["status"] == _CREATED
            replaced += result["status"] != _CREATED
            continue
        error = result.get("error", {})
        reason = f"{error.get('type')}: {reason_of(error)}"
        if error.get("type") == "security_exception":
            raise CredentialsError(f"the cluster does not let this user index ({reason}): ask for the permission")
        if error.get("type") in _INDEX_UNUSABLE and result["status"] not in _BUSY_DOCUMENT:
            raise RequestError(f"the index takes no documents ({reason}): look at its blocks and settings")
        if result["status"] in _BUSY_DOCUMENT:
            again.append(action)
            busy = RequestError(
                f"the cluster takes no documents ({reason}): look at its load and disk", result["status"]
            )
        else:
            failed.append(Failure(action.document, reason))
    return _Answer(tuple(failed), tuple(again), busy, created=created, replaced=replaced)
