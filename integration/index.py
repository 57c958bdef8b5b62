"""An index and its encoder: is it there, is it ours, was it made with this encoder; and its creation."""

import enum
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from csplade.integration.detect import read_dialect
from csplade.integration.dialect import Dialect, Feature, dialect_of_field
from csplade.integration.errors import CredentialsError, IndexConflictError, RequestError
from csplade.integration.index_mapping import long_of_mapping, mapping_if_there
from csplade.integration.passages import Long
from csplade.integration.seismic_field import Seismic, with_seismic
from csplade.integration.templates import INDEX_FORMAT, META_KEY, WEIGHTS_FIELD, IndexOptions, index_body
from csplade.integration.transport_errors import INDEX_CLOSED
from csplade.pipelines.contract import Contract
from csplade.pipelines.errors import UsageError
from opensearchpy import OpenSearch

_Json = Mapping[str, Any]  # Any: a JSON object

_ALREADY_EXISTS = "resource_already_exists_exception"
# The server's own rules; among them no wildcards and no commas, which would name several indexes at once;
# nor surrogates, which is how bytes that are not UTF-8 arrive from a terminal.
_NAME = re.compile(r'(?![-_+.])[^A-Z\\/*?"<>|\s,#:\ud800-\udfff]{1,255}')


class IndexState(enum.Enum):
    """What `check_index` found."""

    MISSING = "missing"
    READY = "ready"


def check_name(index: str) -> None:
    """Check the name of an index or alias before anything is sent.

    Raises:
        UsageError: no server would accept it, or it would name several indexes.
    """
    if not _NAME.fullmatch(index) or len(index.encode()) > 255:
        raise UsageError(
            f"{index!r} cannot be the name of an index: use lower case letters, digits, - and _, beginning with a "
            "letter or digit"
        )


def check_index(client: OpenSearch, index: str, contract: Contract | None) -> IndexState:
    """Look at the index (or the one behind an alias) and compare its fingerprint with the encoder's, if there is one.

    Raises:
        IndexConflictError: it is not ours, or was made with another encoder; the message says what to do.
    """
    return IndexState.MISSING if _checked_mapping(client, index, contract) is None else IndexState.READY


def require_index(client: OpenSearch, index: str, contract: Contract | None) -> Dialect:
    """Check that the index is there and was made with this encoder, and return how its weights are asked for.

    Raises:
        IndexConflictError, ClusterError: as `require_mapping`.
    """
    return require_mapping(client, index, contract)[0]


def require_mapping(
    client: OpenSearch, index: str, contract: Contract | None
) -> tuple[Dialect, Mapping[str, Any]]:  # Any: a JSON object
    """Check that the index is there and was made with this encoder; without one (BM25), that it is ours.

    Returns:
        how its weights are asked for, and its mapping.

    Raises:
        IndexConflictError: it is missing, not ours, or made with another encoder.
        ClusterError: the cluster is of a kind or version that csplade does not know.
    """
    check_name(index)
    told = told_dialect(client)
    mapping = _checked_mapping(client, index, contract, to_fill=False)
    if mapping is None:
        raise IndexConflictError(
            f"there is no index {index!r}: make it with `csplade ingest SOURCE --index {index}`, or correct --index"
        )
    return _asked_as(told, mapping), mapping


def dialect_of(client: OpenSearch, mapping: _Json) -> Dialect:
    """Return how the weights of an index of ours with this mapping are asked for.

    Raises:
        IndexConflictError: its field is of a type that csplade does not ask.
        ClusterError: the cluster is of a kind or version that csplade does not know.
    """
    return _asked_as(told_dialect(client), mapping)


def _asked_as(told: Dialect | None, mapping: _Json) -> Dialect:
    return for_mapping(dialect_of_field(mapping["properties"][WEIGHTS_FIELD], told), mapping)


def for_mapping(dialect: Dialect, mapping: Mapping[str, Any]) -> Dialect:  # Any: a JSON object
    """Return the dialect with what an index of this mapping does with long texts."""
    return replace(dialect, passages=long_of_mapping(mapping) is Long.PASSAGES)


def create_index(
    client: OpenSearch,
    index: str,
    contract: Contract,
    options: IndexOptions,
    aliases: Sequence[str] = (),
    seismic: Seismic | None = None,
) -> None:
    """Create the index for this encoder, with aliases that stand for it from its first moment on.

    With `seismic` it also has a field of that kind.

    Raises:
        UsageError: the name cannot be used, or the cluster has no SEISMIC fields.
        ClusterError: the cluster is of an unknown kind, or refuses, for example an unknown analyzer.
    """
    check_name(index)
    dialect = read_dialect(client)
    body = index_body(contract, options, dialect)
    if seismic is not None:
        dialect.require(Feature.SEISMIC)
        body = with_seismic(body, seismic)
    if aliases:
        body["aliases"] = {alias: {} for alias in aliases}
    create_from(client, index, contract, body)


def create_from(client: OpenSearch, index: str, contract: Contract, body: Mapping[str, Any]) -> None:  # Any: JSON
    """Create the index with this body, which is one of ours.

    Raises:
        UsageError: the name cannot be used.
        ClusterError: the cluster refuses.
    """
    check_name(index)
    try:
        client.indices.create(index=index, body=body)
    except RequestError as error:
        if error.kind != _ALREADY_EXISTS:
            raise
        # Somebody else was faster, perhaps a second ingest of the same data: fine if theirs is ours.
        check_index(client, index, contract)


def told_dialect(client: OpenSearch) -> Dialect | None:
    """Return what the cluster is, None if this user may not ask; whether the credentials are right is told later."""
    with suppress(CredentialsError):
        return read_dialect(client)
    return None


def _checked_mapping(
    client: OpenSearch, index: str, contract: Contract | None, to_fill: bool = True
) -> Mapping[str, Any] | None:  # Any: a JSON object
    """Return the mapping of an index that is ours and of this encoder, None if there is no index."""
    mapping = mapping_if_there(client, index)
    if mapping is None:
        return None
    ours = mapping.get("_meta", {}).get(META_KEY)
    if not isinstance(ours, dict) or WEIGHTS_FIELD not in mapping.get("properties", {}):
        raise _foreign(index, to_fill)
    if ours.get("format") != INDEX_FORMAT:
        raise IndexConflictError(
            f"the index {index!r} has format {ours.get('format')}, this csplade writes {INDEX_FORMAT}: "
            "ingest into a new index, or install the csplade that made it"
        )
    if contract is not None and ours.get("fingerprint") != contract.fingerprint:
        raise IndexConflictError(
            f"the index {index!r} was made with the encoder {ours.get('encoder')!r} (fingerprint "
            f"{ours.get('fingerprint')}), this one is {contract.name!r} ({contract.fingerprint}): name that encoder's "
            "folder with --encoder, or ingest with this one into a new index"
        )
    if contract is not None:
        # Terms are words; a SEISMIC field takes numbers alone.
        dialect_of_field(mapping["properties"][WEIGHTS_FIELD], None)
    return mapping


def _foreign(index: str, to_fill: bool) -> IndexConflictError:
    """Return the error of an index of others, for who would fill it, or for who reads it."""
    lacks, copy = f"no field {WEIGHTS_FIELD!r} of ours", f"`csplade reindex --from {index} --to NEW`"
    if to_fill:
        return IndexConflictError(
            f"the index {index!r} exists and was not made by csplade (it has {lacks}): give the name of a new index; "
            f"{copy} copies this one into it"
        )
    return IndexConflictError(
        f"the index {index!r} was not made by csplade and has no term weights ({lacks}): {copy} makes one that has them"
    )


def is_closed(client: OpenSearch, index: str) -> bool:
    """Say whether an index is closed, so that it can be neither searched nor written.

    Raises:
        RequestError: there is no such index.
    """
    try:
        client.count(index=index)
    except RequestError as error:
        if error.kind != INDEX_CLOSED:
            raise
        return True
    return False
