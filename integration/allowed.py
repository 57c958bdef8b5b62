"""Requests that not every cluster knows, and that not every user may make: then a run does without their answer."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from csplade.integration.errors import CredentialsError, RequestError
from opensearchpy import OpenSearch

# How clusters say that they do not know the path, or a parameter.
_UNKNOWN = frozenset({400, 404, 405})


def ask_if_known(
    client: OpenSearch, method: str, path: str, params: Mapping[str, str]
) -> Mapping[str, Any] | None:  # Any: a JSON object
    """Return the answer to a request without a body; None where the cluster does not know it.

    Raises:
        CredentialsError: it forbids it this user.
        ClusterError: it does not answer, or with another error.
    """
    try:
        answer: Mapping[str, Any] = client.transport.perform_request(method, path, params=dict(params))
    except RequestError as error:
        if error.status not in _UNKNOWN:
            raise
        return None
    return answer


def ask_if_allowed(
    client: OpenSearch, method: str, path: str, params: Mapping[str, str]
) -> Mapping[str, Any] | None:  # Any: a JSON object
    """Return the same; None also where the cluster forbids it this user.

    Raises:
        ClusterError: the cluster does not answer, or with another error.
    """
    with suppress(CredentialsError):
        return ask_if_known(client, method, path, params)
    return None
