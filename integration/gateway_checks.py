"""Whether the cluster ran a rewritten search on all shards, read from its answer; pure."""

import re

from csplade.integration.gateway_headers import coding_of
from csplade.integration.gateway_json import UnreadJson, beginning, read_json
from csplade.integration.gateway_refusals import Headers
from csplade.integration.gateway_targets import SEVERAL, Kind

# Of these statuses the query may be the cause.
_BY_QUERY = (400, 500)
_FAILED = re.compile(rb'"_shards"\s*:\s*\{[^{}]*"failed"\s*:\s*[1-9]')
_SUSPECT = re.compile(rb'"error"|' + _FAILED.pattern)
_INVALID = re.compile(rb'"valid"\s*:\s*false')
_HEAD, _SEVERAL = 2**14, 2**25


def looked_at(kind: Kind) -> int:
    """Return how much of an answer has to be known: of several searches all, of one what comes before the hits."""
    return _SEVERAL if kind in SEVERAL else _HEAD


def refused(kind: Kind, status: int, headers: Headers, start: bytes) -> bool:
    """Return whether a rewritten search did not run as a whole; `start`: the answer's beginning, as it arrived."""
    if status >= 300:
        return status in _BY_QUERY
    plain = beginning(start, coding_of(headers), looked_at(kind))
    if kind in SEVERAL:
        return _SUSPECT.search(plain) is not None and _one_refused(plain)
    if kind is Kind.VALIDATE and _INVALID.search(plain):
        return True
    return _FAILED.search(plain) is not None


def _one_refused(plain: bytes) -> bool:
    try:
        answers = read_json(plain)["responses"]
        return any(one.get("status") in _BY_QUERY or one.get("_shards", {}).get("failed") for one in answers)
    except (UnreadJson, KeyError, TypeError, AttributeError):
        # Filtered, or too large to be looked at: only an error would have been told.
        return True
