"""The index that another one is copied into: made with that one's fields, or checked and given those that it lacks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csplade.integration.detect import read_dialect
from csplade.integration.errors import IndexConflictError, RequestError
from csplade.integration.index import (
    IndexState,
    check_analyzer,
    check_index,
    create_from,
    index_uuid,
    is_closed,
    keep_in_meta,
    mapping_of,
)
from csplade.integration.reindex_mapping import TEXT_FIELDS_KEY, missing_fields, taken_over
from csplade.integration.templates import IndexOptions, index_body
from csplade.pipelines.contract import Contract
from opensearchpy import OpenSearch

_Json = Mapping[str, Any]  # Any: a JSON object


@dataclass(frozen=True)
class Described:
    """What an index says of itself."""

    mapping: _Json
    settings: _Json
    """Without the `index` around them."""


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
    settings: _Json = client.indices.get_settings(index=name)[name]["settings"]["index"]
    return Described(mapping, settings)


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


def prepare_target(
    client: OpenSearch,
    index: str,
    contract: Contract,
    options: IndexOptions,
    copied: Described | None,
    text_fields: tuple[str, ...],
    analyzer: str | None = None,
) -> None:
    """Make the index, or check the one that is there; `copied` is the index whose fields it is to have.

    Raises:
        IndexConflictError: what is there is not ours, of another encoder, or analysed otherwise than asked.
        ClusterError: the cluster refuses the fields, for example a type that it does not know.
    """
    if check_index(client, index, contract) is IndexState.MISSING:
        body = index_body(contract, options, read_dialect(client))
        whole = body if copied is None else taken_over(body, copied.mapping, copied.settings)
        create_from(client, index, contract, whole)
    else:
        if analyzer is not None:
            check_analyzer(client, index, analyzer)
        name, mapping = mapping_of(client, index)
        if copied is not None and (lacking := missing_fields(copied.mapping, mapping)):
            client.indices.put_mapping(index=name, body={"properties": lacking})
    keep_in_meta(client, index, {TEXT_FIELDS_KEY: list(text_fields)})
