"""Settings of an index while much is loaded into it, and the way back: what they were is recorded first, in the index.

The record stands in the mapping's `_meta`, where every run finds it, whoever was killed and on whichever machine.
"""

import enum
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from csplade.integration.errors import ClusterError
from csplade.integration.index_mapping import keep_in_meta, mapping_of, our_meta
from csplade.integration.patience import Patience, patient
from opensearchpy import OpenSearch

RECORD_KEY = "load_settings"

_FLUSH_SECONDS = 600
_USUAL = Patience()

_log = logging.getLogger(__name__)


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
def loading(client: OpenSearch, index: str, kind: LoadSettings, patience: Patience = _USUAL) -> Iterator[None]:
    """Change the settings of the index (or of the one behind an alias), and put them back whatever happens.

    What a killed load has left is put back at the beginning, or, where settings are changed, at the end. That is done
    on the same index, although an alias may stand for another one by then. Where the load itself fails and they cannot
    be put back either, its error gets a note that says so.

    Raises:
        ClusterError: this user may not change settings, or they cannot be put back, which `restore` can do later.
    """
    waiting = patient(client, patience)
    if kind is LoadSettings.KEEP:
        if restore(waiting, index):
            _log.warning("a load of %s was killed, or is going on: what its settings were before is put back", index)
        yield
        return
    name, _ = mapping_of(waiting, index)
    before = _before(waiting, name, _CHANGES[kind])
    keep_in_meta(waiting, name, {RECORD_KEY: before})
    try:
        waiting.indices.put_settings(index=name, body={"index": {**before, **_CHANGES[kind]}})
        yield
    except BaseException as failure:
        # Whoever stops a run, or has lost the cluster, has waited enough.
        _note_unless_put_back(failure, patient(client, patience.last), name, before)
        raise
    try:
        _put_back(waiting, name, before)
    except (ClusterError, KeyboardInterrupt) as error:
        raise ClusterError(_still_changed(name, error)) from error


def restore(client: OpenSearch, index: str) -> bool:
    """Put the settings back that a load has recorded; return whether there was a record.

    Raises:
        ClusterError: the cluster refuses, or the index is not there.
    """
    name, mapping = mapping_of(client, index)
    recorded = _recorded(mapping)
    if recorded is None:
        return False
    _put_back(client, name, recorded)
    return True


def _before(client: OpenSearch, name: str, changes: Iterable[str]) -> dict[str, Any]:  # Any: JSON values
    """Return what the settings were before any load: those that one has recorded, else those of now.

    None takes a setting back to its default.
    """
    while True:
        now = _settings(client, name, changes)
        recorded = _recorded(mapping_of(client, name)[1])
        if recorded is not None:
            _log.warning(
                "a load of %s was killed, or is going on: what its settings were before is put back at the end", name
            )
            return {**now, **recorded}
        # Of a load that has ended between the two looks the settings may be.
        if _settings(client, name, changes) == now:
            return now


def _put_back(client: OpenSearch, name: str, before: Mapping[str, Any]) -> None:  # Any: JSON values
    """Put back what is recorded; `before`, if another load that has ended took the record away."""
    recorded = _recorded(mapping_of(client, name)[1])
    client.indices.put_settings(index=name, body={"index": before if recorded is None else recorded})
    # What was only in memory while the translog waited.
    client.indices.flush(index=name, params={"request_timeout": _FLUSH_SECONDS})
    if recorded is not None:
        keep_in_meta(client, name, {RECORD_KEY: None})


def _note_unless_put_back(
    failure: BaseException,
    client: OpenSearch,
    name: str,
    before: Mapping[str, Any],  # Any: JSON values
) -> None:
    try:
        _put_back(client, name, before)
    except (ClusterError, KeyboardInterrupt) as error:
        failure.add_note(f"Besides, {_still_changed(name, error)}")


def _still_changed(name: str, error: BaseException) -> str:
    reason = error if isinstance(error, ClusterError) else "stopped"
    return (
        f"the settings of {name!r} may still be those of the load ({reason}): the next ingest puts them back, or "
        f"`csplade ingest --restore --index {name}`"
    )


def _recorded(mapping: Mapping[str, Any]) -> Mapping[str, Any] | None:  # Any: JSON values
    found: Mapping[str, Any] | None = our_meta(mapping).get(RECORD_KEY)
    return found


def _settings(client: OpenSearch, name: str, keys: Iterable[str]) -> dict[str, Any]:  # Any: JSON values
    found = client.indices.get_settings(index=name, params={"flat_settings": "true"})
    flat: Mapping[str, Any] = found[name]["settings"]  # Any: JSON values
    return {key: flat.get(f"index.{key}") for key in keys}
