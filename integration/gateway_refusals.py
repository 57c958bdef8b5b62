"""What the gateway answers itself, in the form of the cluster's own errors, so that clients can read it."""

import enum
from typing import Any

import orjson
from csplade.integration.errors import ClusterError

REFUSED_HEADER = b"x-csplade-refused"
"""Tells an answer of the gateway from one of the cluster; its value is the reason's name."""

Headers = list[tuple[bytes, bytes]]


class Reason(enum.StrEnum):
    """Why a request is not forwarded, or its answer not given."""

    BAD_REQUEST = "bad_request"
    HEAD_TOO_LARGE = "head_too_large"
    HEAD_TOO_SLOW = "head_too_slow"
    BODY_TOO_LARGE = "body_too_large"
    BODY_TOO_SLOW = "body_too_slow"
    BODY_TOO_DEEP = "body_too_deep"
    BAD_ENCODING = "bad_encoding"
    TOO_MANY = "too_many"
    LOOP = "loop"
    NO_SUCH_PAGE = "no_such_page"
    UNREACHABLE = "unreachable"
    BAD_ANSWER = "bad_answer"
    TOO_LATE = "too_late"
    NOT_SIGNED = "not_signed"
    FORBIDDEN = "forbidden"
    """By a policy of the rewriter's configuration."""


class Refusal(ClusterError):
    """A request that the gateway answers itself, with an HTTP status of its own."""

    def __init__(self, status: int, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason

    def value(self) -> dict[str, Any]:  # Any: a JSON object
        """Return what the answer says."""
        cause = {"type": f"csplade_{self.reason}", "reason": str(self)}
        return {"error": {"root_cause": [cause], **cause}, "status": self.status}

    def body(self) -> bytes:
        """Return the answer's body, JSON in UTF-8."""
        return orjson.dumps(self.value())

    def headers(self, body: bytes, close: bool) -> Headers:
        """Return the answer's headers; `close`: the connection cannot be used again."""
        headers = [
            (b"content-type", b"application/json; charset=UTF-8"),
            (b"content-length", str(len(body)).encode()),
            (REFUSED_HEADER, self.reason.encode()),
        ]
        if self.status == 503:
            headers.append((b"retry-after", b"1"))
        return [*headers, (b"connection", b"close")] if close else headers
