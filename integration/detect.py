"""Asks a cluster once what it is: version, plugins, and how many clauses it takes; a `Dialect` comes out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from csplade.integration.client import address
from csplade.integration.dialect import PLAIN, USUAL_LIMIT, Dialect, dialect_for, numbers_of
from csplade.integration.errors import CredentialsError, RequestError
from opensearchpy import OpenSearch

_NOT_ALLOWED = 405
_COMPUTED_SINCE = (8, 1)


def read_dialect(client: OpenSearch) -> Dialect:
    """Ask the cluster what it is.

    Its plugins and its limit are asked for too; where this user may not ask, there are none and it is the usual one.
    Serverless collections of AWS say nothing of themselves and are asked in the plain way.

    Raises:
        ClusterError: it does not answer, or is of a kind or version that csplade does not know.
    """
    try:
        told = _info(client)
        if told is None:
            return PLAIN
        version = told["version"]
        # Elasticsearch names no distribution.
        distribution, number = version.get("distribution", "elasticsearch"), str(version["number"])
    except (KeyError, TypeError, AttributeError) as error:
        raise RequestError(
            f"what answers at {address(client)} does not say which version it is: check --url"
        ) from error
    plugins = _plugins(client) if distribution == "opensearch" else frozenset()
    dialect = dialect_for(distribution, number, plugins)
    return replace(dialect, max_clauses=_max_clauses(client, dialect))


def clauses_of_heap(heap_mb: int, search_threads: int) -> int:
    """Return how many clauses an Elasticsearch node takes from 8.1 on, where its setting has no effect any more."""
    return max(USUAL_LIMIT, 64 * heap_mb // search_threads)


def _info(client: OpenSearch) -> Mapping[str, Any] | None:  # Any: a JSON object
    """Return what the cluster says about itself at its root, else what a node of it says; None if nothing is there."""
    try:
        answer: Mapping[str, Any] = client.info()
    except RequestError as error:
        if error.unserved:
            return None
        if error.status != _NOT_ALLOWED:
            raise
        # Elasticsearch is also built without the module that answers at the root.
        found = client.nodes.info(params={"filter_path": "nodes.*.version"})
        versions = [node["version"] for node in found.get("nodes", {}).values()]
        return {"version": {"number": versions[0]}} if versions else {}
    return answer


def _plugins(client: OpenSearch) -> frozenset[str]:
    """Return the plugins that every data node has."""
    nodes = _data_nodes(client, "plugins", "nodes.*.roles,nodes.*.plugins.name")
    held = [{plugin["name"] for plugin in node.get("plugins", ())} for node in nodes]
    return frozenset(set.intersection(*held)) if held else frozenset()


def _max_clauses(client: OpenSearch, dialect: Dialect) -> int:
    """Return how many clauses a query may have: as it is set, or on newer Elasticsearch as it is computed."""
    if dialect.distribution == "elasticsearch" and numbers_of(dialect.version) >= _COMPUTED_SINCE:
        wanted = "nodes.*.roles,nodes.*.thread_pool.search.size,nodes.*.jvm.mem.heap_max_in_bytes"
        return min(map(_clauses_of_node, _data_nodes(client, "thread_pool,jvm", wanted)), default=USUAL_LIMIT)
    params = {"include_defaults": "true", "filter_path": "*.indices.query.bool.max_clause_count"}
    try:
        answer = client.cluster.get_settings(params=params)
    except (CredentialsError, RequestError):
        return USUAL_LIMIT
    # What is set for now is stronger than what is set to stay, and that than what nobody set.
    parts = [answer[name] for name in ("transient", "persistent", "defaults") if name in answer]
    return int(parts[0]["indices"]["query"]["bool"]["max_clause_count"]) if parts else USUAL_LIMIT


def _clauses_of_node(node: Mapping[str, Any]) -> int:  # Any: a JSON object
    try:
        return clauses_of_heap(node["jvm"]["mem"]["heap_max_in_bytes"] >> 20, node["thread_pool"]["search"]["size"])
    except KeyError:
        return USUAL_LIMIT


def _data_nodes(client: OpenSearch, metric: str, fields: str) -> list[Mapping[str, Any]]:  # Any: JSON objects
    """Return what the nodes that hold data say of themselves; nothing where this user may not ask."""
    try:
        answer = client.nodes.info(metric=metric, params={"filter_path": fields})
    except (CredentialsError, RequestError):
        return []
    nodes = answer.get("nodes", {}).values()
    return [node for node in nodes if any(role.startswith("data") for role in node.get("roles", ("data",)))]
