"""Settings of an index while much is loaded into it, and the way back: what they were is recorded first, in the index.

The record stands in the mapping's `_meta`, where every run finds it, whoever was killed and on whichever machine.
"""

import enum
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from csplade.integration.errors import ClusterError
from csplade.integration.index import keep_in_meta, mapping_of, our_meta
from opensearchpy import OpenSearch

RECORD_KEY = "load_settings"

_FLUSH_SECONDS = 600


class LoadSettings(enum.StrEnum):
    """What an index may give up while documents are loaded."""

    KEEP = "keep"
    SAFE = "safe"
    """No refresh: new documents are found at the end only."""
    FAST = "fast"
    """Besides, no replicas and a translog that is written every 5 s: a node that dies takes documents with it."""


_CHANGES: Mapping[LoadSettings, Mapping[str, str]] = {
    LoadSettings.KEEP: {},
    LoadSettings.SAFE: {"refresh_interval": "-1"},
    LoadSettings.FAST: {
        "refresh_interval": "-1",
        "auto_expand_replicas": "false",
        "number_of_replicas": "0",
        "translog.durability": "async",
    },
}


@contextmanager
def loading(client: OpenSearch, index: str, kind: LoadSettings) -> Iterator[None]:
    """Change the settings of the index (or of the one behind an alias), and put them back whatever happens.

    They are put back on that index, although the alias may stand for another one by then.

    Raises:
        ClusterError: this user may not change settings, or they cannot be put back, which `restore` can do later.
    """
    if kind is LoadSettings.KEEP:
        yield
        return
    restore(client, index)
    name, _ = mapping_of(client, index)
    changes = _CHANGES[kind]
    flat = _flat(client, name)
    # Of another load that has begun meanwhile these settings may be; the record, which it wrote before, tells.
    while restore(client, name):
        flat = _flat(client, name)
    # None takes a setting back to its default.
    keep_in_meta(client, name, {RECORD_KEY: {key: flat.get(f"index.{key}") for key in changes}})
    try:
        client.indices.put_settings(index=name, body={"index": changes})
        yield
    finally:
        _put_back(client, name)


def _put_back(client: OpenSearch, name: str) -> None:
    """Put the settings back at the end of a load, and say what is left to do where that cannot be."""
    try:
        restore(client, name)
    except ClusterError as error:
        raise ClusterError(
            f"the settings of {name!r} are still those of the load ({error}): the next ingest puts them back, or "
            f"`csplade ingest --restore --index {name}`"
        ) from error


def _flat(client: OpenSearch, name: str) -> Mapping[str, Any]:  # Any: JSON values
    found: Mapping[str, Any] = client.indices.get_settings(index=name, params={"flat_settings": "true"})
    settings: Mapping[str, Any] = found[name]["settings"]
    return settings


def restore(client: OpenSearch, index: str) -> bool:
    """Put the settings back that a load has recorded; return whether there was a record.

    Raises:
        ClusterError: the cluster refuses, or the index is not there.
    """
    name, mapping = mapping_of(client, index)
    before = our_meta(mapping).get(RECORD_KEY)
    if before is None:
        return False
    client.indices.put_settings(index=name, body={"index": before})
    # What was only in memory while the translog waited.
    client.indices.flush(index=name, params={"request_timeout": _FLUSH_SECONDS})
    keep_in_meta(client, index, {RECORD_KEY: None})
    return True
