"""Requests that not every cluster knows, and that not every user may make: then a run does without their answer."""

from collections.abc import Mapping
from typing import Any

from csplade.integration.errors import CredentialsError, RequestError
from opensearchpy import OpenSearch

# How clusters say that they do not know the path, or a parameter.
_UNKNOWN = frozenset({400, 404, 405})


def ask_if_allowed(
    client: OpenSearch, method: str, path: str, params: Mapping[str, str]
) -> Mapping[str, Any] | None:  # Any: a JSON object
    """Return the answer to a request without a body; None where the cluster does not know it, or forbids it this user.

    Raises:
        ClusterError: the cluster does not answer, or with another error.
    """
    try:
        answer: Mapping[str, Any] = client.transport.perform_request(method, path, params=dict(params))
    except CredentialsError:
        return None
    except RequestError as error:
        if error.status not in _UNKNOWN:
            raise
        return None
    return answer
