"""An alias and the versions behind it: which index it stands for, which others there are, and the switch between them.

The versions of the alias `articles` are the indexes `articles-v1`, `articles-v2`, and so on.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from csplade.integration.errors import IndexConflictError, RequestError
from csplade.integration.index import check_name
from opensearchpy import OpenSearch

_NUMBER = re.compile(r"-v([1-9]\d*)")
_NOT_FOUND = 404


@dataclass(frozen=True)
class Live:
    """The one index that an alias stands for."""

    alias: str
    index: str
    properties: Mapping[str, Any]  # Any: a JSON object
    """What the alias adds, such as a filter or a routing; another index gets the same."""


def read_live(client: OpenSearch, alias: str) -> Live | None:
    """Return what an alias stands for, None if nothing has this name.

    Raises:
        UsageError: it cannot be a name.
        IndexConflictError: it is the name of an index, or stands for several.
    """
    check_name(alias)
    found = _aliases(client, alias)
    if len(found) > 1:
        raise IndexConflictError(
            f"{alias!r} is an alias of {len(found)} indexes ({', '.join(sorted(found))}): take it away from all but one"
        )
    if found:
        ((index, held),) = found.items()
        return Live(alias, index, held["aliases"][alias])
    if client.indices.exists(index=alias):
        raise IndexConflictError(
            f"{alias!r} is an index, so it cannot be an alias: choose another name for the alias, then let it stand "
            f"for that index with `csplade index swap NAME --to {alias}`"
        )
    return None


def require_live(client: OpenSearch, alias: str) -> Live:
    """Return what an alias stands for.

    Raises:
        UsageError, IndexConflictError: as `read_live`, or there is no such alias.
    """
    live = read_live(client, alias)
    if live is None:
        raise IndexConflictError(f"there is no alias {alias!r}: make it with `csplade index create {alias}`")
    return live


def versions(client: OpenSearch, alias: str) -> tuple[str, ...]:
    """Return the names of the alias's versions, the oldest first."""
    found = client.indices.get_alias(index=f"{alias}-v*", params={"expand_wildcards": "all"})
    numbers = {name: version_number(alias, name) for name in found}
    return tuple(sorted((name for name in numbers if numbers[name]), key=lambda name: numbers[name]))


def version_number(alias: str, index: str) -> int:
    """Return the number of a version, 0 for an index that is none of this alias."""
    found = _NUMBER.fullmatch(index.removeprefix(alias)) if index.startswith(alias) else None
    return int(found[1]) if found else 0


def next_version(alias: str, names: Sequence[str]) -> str:
    """Return the name of the version after these."""
    return f"{alias}-v{max((version_number(alias, name) for name in names), default=0) + 1}"


def aliases_of(client: OpenSearch, index: str) -> frozenset[str]:
    """Return the aliases that stand for an index, also among others.

    Raises:
        RequestError: there is no such index.
    """
    found = client.indices.get_alias(index=index)
    return frozenset(name for held in found.values() for name in held["aliases"])


def point(client: OpenSearch, alias: str, live: Live | None, index: str) -> None:
    """Let the alias stand for `index` instead of what it stood for, in one step for everybody who asks.

    Raises:
        ClusterError: it does not stand for that any more, or this user may not change it; nothing has changed then.
    """
    properties = {} if live is None else live.properties
    actions: list[dict[str, Any]] = [{"add": {**properties, "index": index, "alias": alias}}]
    if live is not None:
        actions.insert(0, {"remove": {"index": live.index, "alias": alias, "must_exist": True}})
    client.indices.update_aliases(body={"actions": actions})


def _aliases(client: OpenSearch, alias: str) -> Mapping[str, Any]:  # Any: a JSON object
    try:
        # Asked of all indexes, OpenSearch's security plugin refuses whoever may not see all of them.
        found: Mapping[str, Any] = client.indices.get_alias(index=alias, name=alias)
    except RequestError as error:
        if error.status != _NOT_FOUND:
            raise
        return {}
    return found
