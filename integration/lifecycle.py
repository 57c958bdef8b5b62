"""The life of an index: a new version beside the live one, the swap of the alias, the way back, the end.

Nothing is deleted on the way: a version that is not live any more stays until it is dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csplade.integration.alias import Live, aliases_of, next_version, point, read_live, require_live, versions
from csplade.integration.errors import IndexConflictError
from csplade.integration.index import check_name, create_index, is_closed
from csplade.integration.index_asked import Asked
from csplade.integration.index_mapping import keep_in_meta, long_of_mapping, mapping_of, our_meta
from csplade.integration.load_settings import RECORD_KEY
from csplade.integration.seismic_field import Seismic, loss_in
from csplade.integration.stored_weights import keeps_weights
from csplade.integration.templates import TEXT_FIELD, WEIGHTS_FIELD, IndexOptions
from csplade.pipelines.contract import Contract
from opensearchpy import OpenSearch

REPLACED_KEY = "replaced"
"""Where the mapping's `_meta` of a live index keeps, for each alias that was swapped to it, what was live before."""


@dataclass(frozen=True)
class Switch:
    """What a swap or a rollback does: the alias stands for `new` instead of `old`."""

    alias: str
    old: Live | None
    """None: there was no such alias."""
    new: str
    ours: bool = True
    """Whether csplade made the new one."""


def live_choices(client: OpenSearch, alias: str) -> Asked:
    """Return what was chosen for the live index, as far as it is known; nothing if there is none.

    Raises:
        UsageError, IndexConflictError: as `read_live`.
    """
    live = read_live(client, alias)
    if live is None:
        return Asked()
    _, mapping = mapping_of(client, live.index)
    field = mapping.get("properties", {}).get(TEXT_FIELD, {})
    analyzer = str(field.get("analyzer", "standard")) if field.get("type") == "text" else None
    # An index of others may keep no documents for reasons of its own.
    kept = keeps_weights(mapping, WEIGHTS_FIELD) if our_meta(mapping) else None
    return Asked(analyzer, long_of_mapping(mapping), kept, loss_in(mapping) is not None)


def create_version(
    client: OpenSearch, alias: str, contract: Contract, options: IndexOptions, seismic: Seismic | None = None
) -> Switch:
    """Create the alias's next version, empty; the first one is live at once, and later ones only after a swap.

    Returns:
        the new version, and what is live.

    Raises:
        UsageError: the name cannot be used, or the cluster has no SEISMIC fields.
        IndexConflictError: it is that of an index.
        ClusterError: the cluster refuses.
    """
    live = read_live(client, alias)
    index = next_version(alias, versions(client, alias))
    # In the same request, so that there is no moment in which an ingest would make an index of the alias's name.
    create_index(client, index, contract, options, aliases=() if live else (alias,), seismic=seismic)
    return Switch(alias, live, index)


def plan_swap(client: OpenSearch, alias: str, index: str | None) -> Switch:
    """Return the swap of the alias to `index`, or to its newest version.

    Raises:
        UsageError: a name cannot be used.
        IndexConflictError: there is no such index, it is closed, live already or has settings of a load, or nothing
            tells which is meant.
    """
    live = read_live(client, alias)
    new = index or _newest(client, alias)
    check_name(new)
    if live is not None and new == live.index:
        raise IndexConflictError(
            f"{alias!r} stands for {new!r} already, and there is no newer version: make one with `csplade index create "
            f"{alias}`, or name another index with --to"
        )
    _require_open(client, new)
    ours = _ours(client, new)
    if RECORD_KEY in ours:
        raise IndexConflictError(
            f"the index {new!r} has settings of a load, perhaps without replicas, as that is not over or was killed: "
            f"let it end, or put them back with `csplade ingest --restore --index {new}`"
        )
    return Switch(alias, live, new, bool(ours))


def swap(client: OpenSearch, switch: Switch) -> None:
    """Carry out a swap; first the new index, if it is ours, is told which one it replaces, for the way back.

    Raises:
        ClusterError: somebody else was faster, or this user may not do that; the alias stands as it stood.
    """
    if switch.old is not None and (ours := _ours(client, switch.new)):
        keep_in_meta(client, switch.new, {REPLACED_KEY: {**replaced_in(ours), switch.alias: switch.old.index}})
    point(client, switch.alias, switch.old, switch.new)


def rollback(client: OpenSearch, alias: str) -> Switch:
    """Let the alias stand for what it stood for before the last swap.

    Raises:
        UsageError: the name cannot be used.
        IndexConflictError: there is no alias, it was never swapped, or what it stood for is closed or gone.
    """
    live = require_live(client, alias)
    before = replaced_in(_ours(client, live.index)).get(alias)
    if before is None:
        raise IndexConflictError(
            f"{live.index!r} has replaced nothing as {alias!r}, so there is no way back: name an index with `csplade "
            f"index swap {alias} --to INDEX`"
        )
    _require_open(client, before)
    point(client, alias, live, before)
    return Switch(alias, live, before, bool(_ours(client, before)))


def check_drop(client: OpenSearch, index: str) -> None:
    """Check that an index may be dropped.

    Raises:
        UsageError: the name cannot be used.
        IndexConflictError: there is no such index, it is not ours, or an alias stands for it.
    """
    check_name(index)
    _require_index(client, index)
    if not _ours(client, index):
        raise IndexConflictError(
            f"the index {index!r} was not made by csplade, which drops only its own: delete it with the cluster's tools"
        )
    if aliases := sorted(aliases_of(client, index)):
        raise IndexConflictError(
            f"{index!r} is what {', '.join(map(repr, aliases))} stands for: swap the alias to another index first"
        )


def drop(client: OpenSearch, index: str) -> None:
    """Delete an index for good.

    Raises:
        UsageError, IndexConflictError: as `check_drop`.
    """
    check_drop(client, index)
    client.indices.delete(index=index)


def replaced_in(ours: Mapping[str, Any]) -> Mapping[str, str]:  # Any: a JSON object
    """Return which index was live before this one by alias, from our part of its mapping's `_meta`."""
    kept = ours.get(REPLACED_KEY)
    return kept if isinstance(kept, dict) else {}


def _newest(client: OpenSearch, alias: str) -> str:
    found = versions(client, alias)
    if not found:
        raise IndexConflictError(
            f"{alias!r} has no versions: make one with `csplade index create {alias}`, or name an index with --to"
        )
    return found[-1]


def _require_index(client: OpenSearch, index: str) -> None:
    if not client.indices.exists(index=index):
        raise IndexConflictError(f"there is no index {index!r}: see `csplade index status`")
    name, _ = mapping_of(client, index)
    if name != index:
        raise IndexConflictError(f"{index!r} is an alias of {name!r}: name the index itself")


def _require_open(client: OpenSearch, index: str) -> None:
    _require_index(client, index)
    if is_closed(client, index):
        raise IndexConflictError(f"the index {index!r} is closed, and searches of it would fail: open it first")


def _ours(client: OpenSearch, index: str) -> Mapping[str, Any]:  # Any: a JSON object
    _, mapping = mapping_of(client, index)
    return our_meta(mapping)
