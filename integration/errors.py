"""Errors of the cluster side, a branch of the tree in `csplade.pipelines.errors`.

ClusterError
  UnreachableError    nothing answers at the address
  CredentialsError    the cluster refused the user or what the user wanted to do
  IndexConflictError  the index is missing, is not ours, or was made with another encoder
  GateError           a new index is not good enough to take the place of the live one
  RequestError        the cluster answered with an error that none of the above explains
  NodeError           a local server could not be fetched, started or stopped
"""

import ssl
from collections.abc import Iterator

from csplade.pipelines.errors import CspladeError

_NOT_FOUND = 404


class ClusterError(CspladeError):
    """Base of everything that can go wrong between us and a cluster."""


class UnreachableError(ClusterError):
    """Nothing answers at the address."""


class CredentialsError(ClusterError):
    """The cluster refused the user, or what the user wanted to do."""


class IndexConflictError(ClusterError):
    """The index is missing, is not ours, or was made with another encoder."""


class GateError(ClusterError):
    """A new index is not good enough to take the place of the live one."""


NO_KIND = "no reason"
"""The kind of an error whose answer says nothing."""


class RequestError(ClusterError):
    """The cluster answered with an error; `status` is its HTTP status, `kind` the server's name of the error."""

    def __init__(self, message: str, status: int = 0, kind: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.reason = reason or message
        """What the cluster said, without a next step: whoever knows of a better one gives it."""

    @property
    def unserved(self) -> bool:
        """Say whether nobody answers such requests there: 404 without a word, of AWS's serverless collections."""
        return self.status == _NOT_FOUND and self.kind == NO_KIND


class NodeError(ClusterError):
    """A local server could not be fetched, started or stopped."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error and what it was raised from, down to the lowest."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def lowest_cause(error: BaseException) -> str:
    """Return what lies at the bottom, such as "Connection refused", without the names of Python objects around it."""
    *_, lowest = causes(error)
    if isinstance(lowest, ssl.SSLCertVerificationError):
        return lowest.verify_message
    return (lowest.strerror if isinstance(lowest, OSError) else None) or str(lowest) or type(lowest).__name__
