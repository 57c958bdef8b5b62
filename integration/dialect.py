"""What a cluster understands, by distribution and version: one table, read once from the server's answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


_NOT_ALLOWED = 405


def read_dialect(client: OpenSearch) -> Dialect:
    """Ask the cluster what it is.

    Raises:
        ClusterError: it does not answer, or is of a kind or version that csplade does not know.
    """
    try:
        version = _info(client)["version"]
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
            f"the cluster is {distribution} {version}, and csplade knows OpenSearch 2 and 3 so far: give another --url"
        )
    return Dialect(distribution, version, *row)


def _info(client: OpenSearch) -> Mapping[str, Any]:  # Any: a JSON object
    """Return what the cluster says about itself at its root, else what a node of it says."""
    try:
        answer: Mapping[str, Any] = client.info()
    except RequestError as error:
        if error.status != _NOT_ALLOWED:
            raise
        # Elasticsearch is also built without the module that answers at the root.
        found = client.nodes.info(params={"filter_path": "nodes.*.version"})
        versions = [node["version"] for node in found.get("nodes", {}).values()]
        return {"version": {"number": versions[0]}} if versions else {}
    return answer
