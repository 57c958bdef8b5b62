"""An index and its encoder: is it there, is it ours, was it made with this encoder; and its creation."""

import enum
import random
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from csplade.integration.detect import read_dialect
from csplade.integration.dialect import Dialect, dialect_of_field
from csplade.integration.errors import CredentialsError, IndexConflictError, RequestError
from csplade.integration.passages import Long
from csplade.integration.templates import (
    INDEX_FORMAT,
    LONG_KEY,
    META_KEY,
    TEXT_FIELD,
    WEIGHTS_FIELD,
    IndexOptions,
    index_body,
)
from csplade.integration.transport_errors import INDEX_CLOSED
from csplade.pipelines.contract import Contract
from csplade.pipelines.errors import UsageError
from opensearchpy import OpenSearch

_Json = Mapping[str, Any]  # Any: a JSON object

_META_WRITES = 10
_META_SECONDS = (0.05, 0.15)
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
    told = _told_dialect(client)
    mapping = _checked_mapping(client, index, contract)
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
    return _asked_as(_told_dialect(client), mapping)


def _asked_as(told: Dialect | None, mapping: _Json) -> Dialect:
    return for_mapping(dialect_of_field(mapping["properties"][WEIGHTS_FIELD], told), mapping)


def for_mapping(dialect: Dialect, mapping: Mapping[str, Any]) -> Dialect:  # Any: a JSON object
    """Return the dialect with what an index of this mapping does with long texts."""
    return replace(dialect, passages=long_of_mapping(mapping) is Long.PASSAGES)


def long_of_mapping(mapping: Mapping[str, Any]) -> Long:  # Any: a JSON object
    """Return what becomes of long texts in an index of this mapping."""
    return Long(our_meta(mapping).get(LONG_KEY, Long.CUT.value))


def long_of(client: OpenSearch, index: str, asked: Long | None = None) -> Long:
    """Return what becomes of long texts in an index, or the one behind an alias; it cannot be changed afterwards.

    Raises:
        IndexConflictError: something else is asked for.
    """
    _, mapping = mapping_of(client, index)
    found = long_of_mapping(mapping)
    if asked not in (None, found):
        raise IndexConflictError(
            f"the index {index!r} exists with --long {found.value}, not {asked}: leave --long out, or give the name of "
            "a new index"
        )
    return found


def check_analyzer(client: OpenSearch, index: str, analyzer: str) -> None:
    """Check that an existing index analyses its text as asked; an analyzer cannot be changed afterwards.

    Raises:
        IndexConflictError: it uses another analyzer.
    """
    mapping = _mapping(client, index) or {}
    found = mapping.get("properties", {}).get(TEXT_FIELD, {}).get("analyzer", "standard")
    if found != analyzer:
        raise IndexConflictError(
            f"the index {index!r} exists with the analyzer {found!r}, not {analyzer!r}: leave --analyzer out, or "
            "give the name of a new index"
        )


def create_index(
    client: OpenSearch, index: str, contract: Contract, options: IndexOptions, aliases: Sequence[str] = ()
) -> None:
    """Create the index for this encoder, with aliases that stand for it from its first moment on.

    Raises:
        UsageError: the name cannot be used.
        ClusterError: the cluster is of an unknown kind, or refuses, for example an unknown analyzer.
    """
    check_name(index)
    dialect = read_dialect(client)
    body = index_body(contract, options, dialect)
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


def _told_dialect(client: OpenSearch) -> Dialect | None:
    """Return what the cluster is, None if this user may not ask; whether the credentials are right is told later."""
    with suppress(CredentialsError):
        return read_dialect(client)
    return None


def _checked_mapping(
    client: OpenSearch, index: str, contract: Contract | None
) -> Mapping[str, Any] | None:  # Any: a JSON object
    """Return the mapping of an index that is ours and of this encoder, None if there is no index."""
    mapping = _mapping(client, index)
    if mapping is None:
        return None
    ours = mapping.get("_meta", {}).get(META_KEY)
    if not isinstance(ours, dict) or WEIGHTS_FIELD not in mapping.get("properties", {}):
        raise IndexConflictError(
            f"the index {index!r} exists and was not made by csplade (it has no field {WEIGHTS_FIELD!r} of ours): "
            "give the name of a new index"
        )
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


def mapping_of(client: OpenSearch, index: str) -> tuple[str, Mapping[str, Any]]:  # Any: a JSON object
    """Return the name and the mapping of an index, or of the one behind an alias.

    Raises:
        IndexConflictError: an alias stands for several.
        RequestError: there is none.
    """
    name, only = _only_one(index, client.indices.get_mapping(index=index))
    return name, only["mappings"]


def index_uuid(client: OpenSearch, index: str) -> str | None:
    """Return what tells this index (or the one behind an alias) from an earlier one of its name.

    None where this user may not know.

    Raises:
        IndexConflictError: an alias stands for several.
    """
    try:
        found = client.indices.get_settings(index=index, name="index.uuid")
    except CredentialsError:
        return None
    return str(_only_one(index, found)[1]["settings"]["index"]["uuid"])


def _only_one(index: str, found: _Json) -> tuple[str, _Json]:
    """Return the name of the one index that a cluster tells about, and what it tells."""
    if len(found) != 1:
        # Which option gave the name is the caller's to know: the same is said of --index, --from and --to.
        raise IndexConflictError(
            f"{index!r} is an alias of {len(found)} indexes ({', '.join(sorted(found))}): give the name of one of them"
        )
    ((name, only),) = found.items()
    return name, only


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


def our_meta(mapping: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: JSON objects
    """Return what csplade keeps in the mapping of an index; nothing for one that it did not make."""
    ours = mapping.get("_meta", {}).get(META_KEY)
    return ours if isinstance(ours, dict) and "fingerprint" in ours else {}


def keep_in_meta(client: OpenSearch, index: str, values: Mapping[str, object]) -> None:
    """Keep values in our part of the mapping's `_meta` of an index (or the one behind an alias), beside what is there.

    None takes what is there away. The cluster takes it as a whole and compares nothing, so that somebody who has read
    before and writes after would undo this: it is read again a moment later, and written again if it was undone.

    Raises:
        IndexConflictError: others undo it again and again.
        ClusterError: this user may not change the mapping.
    """
    name, mapping = mapping_of(client, index)
    before = mapping.get("_meta", {}).get(META_KEY, {})
    undone = {key: value for key, value in values.items() if before.get(key) != value}
    for _ in range(_META_WRITES):
        meta = mapping.get("_meta", {})
        ours = {key: value for key, value in {**meta.get(META_KEY, {}), **values}.items() if value is not None}
        client.indices.put_mapping(index=name, body={"_meta": {**meta, META_KEY: ours}})
        time.sleep(random.uniform(*_META_SECONDS))
        mapping = mapping_of(client, name)[1]
        found = mapping.get("_meta", {}).get(META_KEY, {})
        # A third value is what somebody else wanted later.
        if not any(found.get(key) == before.get(key) for key in undone):
            return
    raise IndexConflictError(
        f"what csplade keeps in the mapping of {name!r} ({', '.join(sorted(undone))}) was undone by others "
        f"{_META_WRITES} times: let other runs on this index end, then run again"
    )


def _mapping(client: OpenSearch, index: str) -> Mapping[str, Any] | None:  # Any: a JSON object
    """Return the mapping of the one index of that name or alias, None if there is none."""
    try:
        _, mapping = mapping_of(client, index)
    except RequestError as error:
        if error.status == 404:
            return None
        raise
    return mapping
