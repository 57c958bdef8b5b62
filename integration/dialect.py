"""What a cluster understands, by distribution and version: one table, read once from the server's answer."""

from dataclasses import dataclass

from csplade.integration.client import address
from csplade.integration.errors import ClusterError, RequestError
from opensearchpy import OpenSearch


@dataclass(frozen=True)
class Dialect:
    """How one kind of cluster stores and asks for term weights."""

    distribution: str
    version: str
    field_type: str
    """Mapping type of the weights field."""
    clause: str
    """Query clause that scores one term linearly."""
    max_clauses: int
    """Clauses that a whole query may have unless the cluster's settings say otherwise."""


# distribution, major version -> field type, clause, clauses per query
_TABLE = {
    ("opensearch", 2): ("rank_features", "rank_feature", 1024),
    ("opensearch", 3): ("rank_features", "rank_feature", 1024),
}


def read_dialect(client: OpenSearch) -> Dialect:
    """Ask the cluster what it is.

    Raises:
        ClusterError: it does not answer, or is of a kind or version that csplade does not know.
    """
    answer = client.info()
    try:
        version = answer["version"]
        # Elasticsearch names no distribution.
        return dialect_for(version.get("distribution", "elasticsearch"), version["number"])
    except (KeyError, TypeError, AttributeError) as error:
        raise RequestError(
            f"what answers at {address(client)} does not say which version it is: check --url"
        ) from error


def dialect_for(distribution: str, version: str) -> Dialect:
    """Return the row of the table.

    Raises:
        ClusterError: there is none.
    """
    major = version.partition(".")[0]
    row = _TABLE.get((distribution, int(major))) if major.isdecimal() else None
    if row is None:
        raise ClusterError(
            f"the cluster is {distribution} {version}, and csplade knows OpenSearch 2 and 3: give another --url"
        )
    return Dialect(distribution, version, *row)
