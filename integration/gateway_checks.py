"""Whether the cluster ran a rewritten search on all shards, read from its answer; pure.

What tells it stands before the hits, but behind the ids of scrolls and of points in time, which have no limit.
"""

import enum
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from csplade.integration.gateway_headers import coding_of
from csplade.integration.gateway_json import UnreadJson, beginning, read_json
from csplade.integration.gateway_refusals import Headers, Reason, Refusal
from csplade.integration.gateway_searches import Partly
from csplade.integration.gateway_targets import SEVERAL, Kind

# Of these statuses the rewritten query may be the cause, also as it takes more, or is longer, than the caller's own.
# More load would be the wrong answer to a 429.
_BY_QUERY = (400, 413, 500, 503, 504)
# Names in texts of documents come with escaped quotes; those in documents, behind the first hit.
_SHARDS = re.compile(rb'"_shards"\s*:\s*\{[^{}]*"failed"\s*:\s*(?P<failed>\d+)|"hits"\s*:')
_LATE = re.compile(rb'"timed_out"\s*:\s*true')
_SUSPECT = re.compile(rb'"error"|"_shards"\s*:\s*\{[^{}]*"failed"\s*:\s*[1-9]')
_INVALID = re.compile(rb'"valid"\s*:\s*false')
_DECODER = json.JSONDecoder()
# What a shard says that has too much to do, whatever the server.
_REJECTED = "rejected_execution_exception"
_HEAD, _SEVERAL = 2**14, 2**25
LONGEST_HEAD = 2**22
"""Bytes of an answer in which what tells it is looked for."""
# Their answers hold nothing large.
_SHORT = (Kind.COUNT, Kind.VALIDATE, Kind.EXPLAIN)


class Ran(enum.Enum):
    """How the cluster ran a rewritten search."""

    WHOLE = enum.auto()
    LATE = enum.auto()
    """Up to the caller's own timeout: the answer has what was found until then, and says so."""
    NOT = enum.auto()
    """Not, or not on all shards."""


def sizes(kind: Kind) -> list[int]:
    """Return how much of an answer has to be known, more and more of it until it is enough."""
    if kind in SEVERAL:
        return [_SEVERAL]
    found = [LONGEST_HEAD] if kind in _SHORT else [_HEAD]
    while found[-1] < LONGEST_HEAD:
        found.append(found[-1] * 4)
    return found


def how(
    kind: Kind, status: int, headers: Headers, start: bytes, most: int, places: Sequence[int] | None = None
) -> Ran | None:
    """Return how a rewritten search ran; None: its answer's beginning, `most` bytes at most, does not tell.

    `places`: of several searches those that were rewritten, as what others meet is their own; None: all.
    """
    if status >= 300:
        return Ran.NOT if status in _BY_QUERY else Ran.WHOLE
    plain = beginning(start, coding_of(headers), most)
    if kind in SEVERAL:
        return _several(plain, places) if _SUSPECT.search(plain) or _LATE.search(plain) else Ran.WHOLE
    if kind is Kind.VALIDATE and _INVALID.search(plain):
        return Ran.NOT
    found = _SHARDS.search(plain)
    if found is None:
        return None
    if int(found["failed"] or 0):
        rejected = _all_rejected(plain[found.start() :].partition(b":")[2])
        if rejected is None and most < LONGEST_HEAD:
            return None
        if not rejected:
            return Ran.NOT
    return Ran.LATE if _LATE.search(plain, 0, found.start()) else Ran.WHOLE


def _all_rejected(start: bytes) -> bool | None:
    """Return `_rejected` of what some JSON begins with; None: that is not all there."""
    try:
        shards, _ = _DECODER.raw_decode(start.decode(errors="replace").lstrip())
    except (ValueError, RecursionError):
        return None
    return _rejected(shards)


def _rejected(shards: Any) -> bool:  # noqa: ANN401 - JSON values
    """Return whether all shards that failed have too much to do, of which the caller's own search would be more."""
    try:
        failures = shards["failures"]
        return len(failures) > 0 and all(each["reason"]["type"].endswith(_REJECTED) for each in failures)
    except (LookupError, TypeError, AttributeError):
        # Filtered, or of a form that is not known.
        return False


def with_errors(answer: object, found: Partly) -> dict[str, Any] | None:  # Any: a JSON object
    """Return the answer to what was sent with the errors of what was not; None: it is no answer about so many."""
    told = answer.get("responses") if isinstance(answer, Mapping) else None
    if not isinstance(answer, Mapping) or not isinstance(told, list) or len(told) + len(found.reasons) != found.of:
        return None
    whole = [*told]
    for place, reason in sorted(found.reasons.items()):
        whole.insert(place, Refusal(400, Reason.FORBIDDEN, reason).value())
    return {**answer, "responses": whole}


def _failed(shards: Mapping[str, Any]) -> bool:  # Any: JSON values
    return bool(shards.get("failed")) and not _rejected(shards)


def _several(plain: bytes, places: Sequence[int] | None) -> Ran:
    try:
        told = read_json(plain)["responses"]
        answers = told if places is None else [told[place] for place in places]
        if any(one.get("status") in _BY_QUERY or _failed(one.get("_shards", {})) for one in answers):
            return Ran.NOT
        return Ran.LATE if any(one.get("timed_out") for one in answers) else Ran.WHOLE
    except (UnreadJson, LookupError, TypeError, AttributeError):
        # Filtered, or too large to be looked at: only an error would have been told.
        return Ran.NOT if _SUSPECT.search(plain) else Ran.LATE
