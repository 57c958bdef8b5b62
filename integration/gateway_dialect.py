"""Which kind of cluster a gateway stands in front of: the cluster is asked once, as anybody may ask it."""

from csplade.integration.access import Access
from csplade.integration.client import address, connect
from csplade.integration.detect import read_dialect
from csplade.integration.dialect import Dialect
from csplade.integration.errors import CredentialsError, UnreachableError


def ask_dialect(url: str, trust: Access) -> Dialect:
    """Ask the cluster what it is; `trust` holds no credentials, as a gateway sends none but its callers'.

    Raises:
        ClusterError: it does not answer, does not tell everybody, or is of a kind that csplade does not know.
        UsageError: the address or a file of certificates cannot be used.
    """
    client = connect(url, trust)
    try:
        return read_dialect(client)
    except CredentialsError as error:
        raise CredentialsError(
            f"the cluster at {address(client)} does not tell everybody what it is, and a gateway has no credentials "
            "of its own: name the kind of cluster with --dialect"
        ) from error
    except UnreachableError as error:
        raise UnreachableError(
            f"{error}; to start the gateway before the cluster, name the kind of cluster with --dialect"
        ) from error
