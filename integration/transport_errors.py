"""What opensearch-py and urllib3 raise comes in, an error of our tree goes out, in one sentence with the next step."""

import re
from collections.abc import Mapping
from typing import Any

from csplade.integration.errors import (
    NO_KIND,
    ClusterError,
    CredentialsError,
    RequestError,
    UnreachableError,
    lowest_cause,
)
from csplade.pipelines.errors import CspladeError
from opensearchpy import exceptions as lower

_UNKNOWN_ANALYZER = re.compile(r"analyzer \[[^]]*\] (has not been configured|not found)")
# The only JSON of the user's that a cluster has to parse is the filter.
_NOT_PARSED = {"parsing_exception", "x_content_parse_exception"}
_LATER = dict.fromkeys((429, 502, 503, 504), "the cluster is busy, try again later")
_STEPS = _LATER | {413: "shorten what is sent, or let the cluster and the proxies before it take larger requests"}
INDEX_CLOSED = "index_closed_exception"
_FORBIDDEN = 403
# Said with 403, and yet about the index and not about who asks.
_BLOCKED = "cluster_block_exception"


def translated(error: Exception, at: str) -> CspladeError:
    """Return our error for one of the lower layers, which met it at the addresses `at`."""
    match error:
        case lower.SSLError():
            return UnreachableError(
                f"no trusted connection to {at} ({error.error}): check that it speaks TLS and that the name in its "
                "certificate is this one, or name its certificate authority with --ca-certs"
            )
        case lower.ConnectionTimeout():
            return UnreachableError(f"the cluster at {at} did not answer in time: look at its load, or try again")
        case lower.ConnectionError(info=CspladeError() as ours):
            # Raised by what signs requests, and wrapped on its way.
            return ours
        case lower.ConnectionError():
            return UnreachableError(
                f"no cluster answers at {at} ({lowest_cause(error)}): start one with `csplade node start`, or give "
                "--url"
            )
        case lower.AuthenticationException():
            return CredentialsError(
                f"the cluster at {at} does not accept these credentials: give user and password in CSPLADE_USER and "
                "CSPLADE_PASSWORD, or other credentials as in docs/connecting.md"
            )
        case lower.TransportError():
            return _answered(error, at)
        case _:
            return RequestError(f"what answers at {at} is not a search cluster ({error}): check --url")


def reason_of(detail: Mapping[str, Any]) -> str:  # Any: a JSON object
    """Return the reason in the server's description of an error in one line, with the causes below it."""
    whole = detail
    reasons = [_with_index(detail)]
    while isinstance(detail.get("caused_by"), dict):
        detail = detail["caused_by"]
        # A cause is often quoted by the reason above it.
        if str(detail.get("reason")) not in reasons[-1]:
            reasons.append(str(detail.get("reason")))
    # Where all shards failed, older servers tell why only here.
    roots = [str(cause.get("reason")) for cause in whole.get("root_cause", ())[:1]]
    reasons += [root for root in roots if root not in ": ".join(reasons)]
    return " ".join(": ".join(filter(None, reasons)).split())[:500]


def _with_index(detail: Mapping[str, Any]) -> str:  # Any: a JSON object
    """Return the reason, with the index that it is about: of a closed one a server says no more than that."""
    reason, index = str(detail.get("reason")), str(detail.get("index", ""))
    return reason if index in reason else f"{reason} ({index})"


def next_step(status: int, kind: str, reason: str) -> str:
    """Return what the user can do about an error of the cluster, as the end of a sentence."""
    if _UNKNOWN_ANALYZER.search(reason):
        return "choose one of the cluster's analyzers with --analyzer"
    if kind == "index_not_found_exception":
        return "correct --index"
    if kind == INDEX_CLOSED:
        return "open the index, or name another one"
    if kind in _NOT_PARSED:
        return "correct --filter"
    if kind == _BLOCKED:
        return "look at the blocks in the index's settings, and at the disks of the cluster"
    return _STEPS.get(status, "look at the cluster's log")


def _answered(error: lower.TransportError, at: str) -> ClusterError:
    kind, reason = _server_reason(error)
    status = int(error.status_code)
    if status == _FORBIDDEN and kind != _BLOCKED:
        return CredentialsError(
            f"the cluster at {at} does not let this user do that ({reason}): ask for the permission"
        )
    step = next_step(status, kind, reason)
    return RequestError(f"the cluster at {at} answered {status} ({kind}): {reason}; {step}", status, kind, reason)


def _server_reason(error: lower.TransportError) -> tuple[str, str]:
    """Return the server's name of the error and its most exact reason."""
    answer = error.info if isinstance(error.info, dict) else {}
    # What stands before clusters of AWS answers with a message.
    detail = answer.get("error") or answer.get("message") or answer.get("Message")
    if isinstance(detail, dict):
        return str(detail.get("type")), reason_of(detail)
    return str(error.error)[:100] or NO_KIND, str(detail or "no reason given")[:500]
