"""The mapping of an index, and what csplade keeps in its `_meta`: a fingerprint, choices, measures, records of runs."""

import random
import time
from collections.abc import Mapping
from typing import Any

from csplade.integration.errors import CredentialsError, IndexConflictError, RequestError
from csplade.integration.passages import Long
from csplade.integration.templates import LONG_KEY, META_KEY
from opensearchpy import OpenSearch

REPLACING_KEY = "replacing"
"""Where the mapping's `_meta` keeps the name of an encoder whose weights some documents still have."""
_WRITES = 10
_SECONDS = (0.05, 0.15)
_NOT_FOUND = 404

_Json = Mapping[str, Any]  # Any: a JSON object


def mapping_of(client: OpenSearch, index: str) -> tuple[str, _Json]:
    """Return the name and the mapping of an index, or of the one behind an alias.

    Raises:
        IndexConflictError: an alias stands for several.
        RequestError: there is none.
    """
    name, only = _only_one(index, client.indices.get_mapping(index=index))
    return name, only["mappings"]


def mapping_if_there(client: OpenSearch, index: str) -> _Json | None:
    """Return the mapping of the one index of that name or alias, None if there is none."""
    try:
        _, mapping = mapping_of(client, index)
    except RequestError as error:
        if error.status == _NOT_FOUND and not error.unserved:
            return None
        raise
    return mapping


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


def our_meta(mapping: _Json) -> _Json:
    """Return what csplade keeps in the mapping of an index; nothing for one that it did not make."""
    ours = mapping.get("_meta", {}).get(META_KEY)
    return ours if isinstance(ours, dict) and "fingerprint" in ours else {}


def long_of_mapping(mapping: _Json) -> Long:
    """Return what becomes of long texts in an index of this mapping."""
    return Long(our_meta(mapping).get(LONG_KEY, Long.CUT.value))


def long_of(client: OpenSearch, index: str) -> Long:
    """Return what becomes of long texts in an index, or the one behind an alias."""
    return long_of_mapping(mapping_of(client, index)[1])


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
    for _ in range(_WRITES):
        meta = mapping.get("_meta", {})
        ours = {key: value for key, value in {**meta.get(META_KEY, {}), **values}.items() if value is not None}
        client.indices.put_mapping(index=name, body={"_meta": {**meta, META_KEY: ours}})
        time.sleep(random.uniform(*_SECONDS))
        mapping = mapping_of(client, name)[1]
        found = mapping.get("_meta", {}).get(META_KEY, {})
        # A third value is what somebody else wanted later.
        if not any(found.get(key) == before.get(key) for key in undone):
            return
    raise IndexConflictError(
        f"what csplade keeps in the mapping of {name!r} ({', '.join(sorted(undone))}) was undone by others "
        f"{_WRITES} times: let other runs on this index end, then run again"
    )


def _only_one(index: str, found: _Json) -> tuple[str, _Json]:
    """Return the name of the one index that a cluster tells about, and what it tells."""
    if len(found) != 1:
        # Which option gave the name is the caller's to know: the same is said of --index, --from and --to.
        raise IndexConflictError(
            f"{index!r} is an alias of {len(found)} indexes ({', '.join(sorted(found))}): give the name of one of them"
        )
    ((name, only),) = found.items()
    return name, only
