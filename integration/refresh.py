"""Makes what was written visible to searches, where the cluster leaves that to anybody but itself."""

from csplade.integration.errors import RequestError
from opensearchpy import OpenSearch

REFRESH_SECONDS = 600
"""A refresh after much was loaded without any may take long."""


def refresh(client: OpenSearch, index: str) -> bool:
    """Refresh an index; return False where the cluster has no such request, as AWS's serverless collections.

    Raises:
        CredentialsError: this user may not.
        ClusterError: the cluster does not answer, or the index is not there.
    """
    try:
        client.indices.refresh(index=index, params={"request_timeout": REFRESH_SECONDS})
    except RequestError as error:
        if not error.unserved:
            raise
        return False
    return True
