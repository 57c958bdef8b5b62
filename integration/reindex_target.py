"""The index that another one is copied into: made with that one's fields, or checked and given those that it lacks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csplade.integration.detect import read_dialect
from csplade.integration.errors import IndexConflictError, RequestError
from csplade.integration.index import IndexState, check_index, create_from, is_closed
from csplade.integration.index_asked import Asked, check_asked
from csplade.integration.index_mapping import index_uuid, mapping_of
from csplade.integration.passages import Long
from csplade.integration.reindex_mapping import missing_fields, taken_over
from csplade.integration.templates import IndexOptions, index_body
from csplade.integration.text_fields import record_fields
from csplade.pipelines.contract import Contract
from opensearchpy import OpenSearch

_Json = Mapping[str, Any]  # Any: a JSON object


FITTING = "let the cluster guess the fields with --no-copy-mapping, or give a --to that does not exist yet"
"""What helps where an index that is there cannot take fields: it gets no analyzers after it is made."""

_BAD_REQUEST = 400


@dataclass(frozen=True)
class Described:
    """What an index says of itself."""

    mapping: _Json
    settings: _Json
    """Without the `index` around them."""


@dataclass(frozen=True)
class Planned:
    """The index that is copied into, before anything is written."""

    state: IndexState
    body: _Json
    """What it is made with; empty if it is there."""
    taken: _Json
    """Fields that it is given from the index that is copied."""
    long: Long


def describe(client: OpenSearch, index: str) -> Described:
    """Return mapping and settings of the index that is copied.

    Raises:
        IndexConflictError: there is none, it is closed, or an alias stands for several.
    """
    try:
        name, mapping = mapping_of(client, index)
    except RequestError as error:
        if error.status != 404:
            raise
        raise IndexConflictError(f"there is no index {index!r} to copy: correct --from") from error
    if is_closed(client, name):
        # Told before the new index is made.
        raise IndexConflictError(f"the index {name!r} is closed, so it cannot be read: open it, or correct --from")
    return Described(mapping, settings_of(client, name))


def settings_of(client: OpenSearch, name: str) -> _Json:
    """Return the settings of an index, without the `index` around them."""
    settings: _Json = client.indices.get_settings(index=name)[name]["settings"]["index"]
    return settings


def check_apart(origin: OpenSearch, index: str, target: OpenSearch, into: str) -> None:
    """Check that an index is not copied into itself.

    Raises:
        IndexConflictError: both names stand for one index.
    """
    uuids = [index_uuid(origin, index), index_uuid(target, into) if target.indices.exists(index=into) else None]
    if uuids[0] is not None and uuids[0] == uuids[1]:
        raise IndexConflictError(
            f"{index!r} and {into!r} are the same index: give another --to; `csplade enrich` encodes in place"
        )


def plan_target(
    client: OpenSearch,
    index: str,
    contract: Contract,
    options: IndexOptions,
    asked: Asked,
    copied: Described | None,
) -> Planned:
    """Check the index that is there, or say how it is to be made; `copied` is the index whose fields it is to have.

    Raises:
        IndexConflictError: what is there is not ours, of another encoder, or not as asked.
    """
    if check_index(client, index, contract) is IndexState.MISSING:
        body = index_body(contract, options, read_dialect(client))
        if copied is None:
            return Planned(IndexState.MISSING, body, {}, options.long)
        whole = taken_over(body, copied.mapping, copied.settings)
        return Planned(IndexState.MISSING, whole, missing_fields(copied.mapping, {}), options.long)
    long, mapping = check_asked(client, index, asked), mapping_of(client, index)[1]
    return Planned(IndexState.READY, {}, {} if copied is None else missing_fields(copied.mapping, mapping), long)


def prepare_target(
    client: OpenSearch, index: str, contract: Contract, planned: Planned, text_fields: tuple[str, ...]
) -> None:
    """Make the index as it is planned, or give the one that is there the fields that it lacks.

    Raises:
        IndexConflictError: the index that is there was filled with other text fields, or cannot take the fields, for
            example as it lacks their analyzer.
        ClusterError: the cluster refuses the index, for example for a type that it does not know.
    """
    if planned.state is IndexState.MISSING:
        create_from(client, index, contract, planned.body)
    record_fields(client, index, text_fields)
    if planned.state is not IndexState.MISSING and planned.taken:
        _give_fields(client, mapping_of(client, index)[0], planned.taken)


def _give_fields(client: OpenSearch, name: str, fields: _Json) -> None:
    try:
        client.indices.put_mapping(index=name, body={"properties": fields})
    except RequestError as error:
        if error.status != _BAD_REQUEST:
            raise
        raise IndexConflictError(
            f"the index {name!r} cannot take the fields {', '.join(map(repr, fields))} ({error.reason}): {FITTING}"
        ) from error
