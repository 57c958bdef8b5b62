"""Makes what was written visible to searches, where the cluster leaves that to anybody but itself."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from csplade.integration.errors import CredentialsError, RequestError
from opensearchpy import OpenSearch

REFRESH_SECONDS = 600
"""A refresh after much was loaded without any may take long."""


def refresh(client: OpenSearch, index: str) -> bool:
    """Refresh an index; return False where the cluster has no such request, as AWS's serverless collections.

    Raises:
        CredentialsError: this user may not.
        ClusterError: the cluster does not answer, or the index is not there.
    """
    return _answer(client, index) is not None


def refresh_all(client: OpenSearch, index: str) -> bool:
    """Refresh an index; say whether each of its copies shows now what was there before, False if this user may not.

    Raises:
        ClusterError: the cluster does not answer, or the index is not there.
    """
    with suppress(CredentialsError):
        answer = _answer(client, index)
        return answer is not None and not answer["_shards"]["failed"]
    return False


def _answer(client: OpenSearch, index: str) -> Mapping[str, Any] | None:  # Any: a JSON object
    try:
        answer: Mapping[str, Any] = client.indices.refresh(index=index, params={"request_timeout": REFRESH_SECONDS})
    except RequestError as error:
        if not error.unserved:
            raise
        return None
    return answer
