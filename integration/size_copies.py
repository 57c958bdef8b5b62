"""Small indexes that differ from another one in a part each, so that their sizes tell what the part takes; pure.

`_source` is kept in all of them as it was: an index without it would keep its documents all the same, for recovery.
"""

from collections.abc import Mapping
from typing import Any

from csplade.integration.dialect import Dialect
from csplade.integration.reindex_mapping import needed_settings
from csplade.integration.templates import PASSAGES_FIELD, SEISMIC_FIELD, TEXT_FIELD, WEIGHTS_FIELD

_Json = Mapping[str, Any]  # Any: a JSON object

_UNREAD: _Json = {"type": "object", "enabled": False}
_TEXT_TYPES = frozenset({"text", "match_only_text"})
# What a text has beside its own postings.
_BESIDE = ("fields", "copy_to", "store")
# How documents are kept, beside what mappings and searches need.
_SETTINGS = ("codec",)
_THRESHOLD = "approximate_threshold"


def has_weights(mapping: _Json) -> bool:
    """Say whether an index of this mapping has a field of weights, whichever."""
    names = (WEIGHTS_FIELD, PASSAGES_FIELD, SEISMIC_FIELD)
    return any(name in mapping.get("properties", {}) for name in names)


def has_text(mapping: _Json) -> bool:
    """Say whether an index of this mapping has a field `text` with words in it."""
    return mapping.get("properties", {}).get(TEXT_FIELD, {}).get("type") in _TEXT_TYPES


def without_weights(mapping: _Json) -> dict[str, Any]:  # Any: a JSON object
    """Return the mapping with fields of weights that are kept in `_source` alone."""
    properties: _Json = mapping["properties"]
    unread = {name: _UNREAD for name in (WEIGHTS_FIELD, SEISMIC_FIELD) if name in properties}
    if PASSAGES_FIELD in properties:
        passages = properties[PASSAGES_FIELD]
        unread[PASSAGES_FIELD] = {**passages, "properties": {**passages["properties"], WEIGHTS_FIELD: _UNREAD}}
    return {**mapping, "properties": {**properties, **unread}}


def without_text(mapping: _Json) -> dict[str, Any]:  # Any: a JSON object
    """Return the mapping with a field `text` that is kept in `_source` alone; fields inside it stay."""
    field = mapping["properties"][TEXT_FIELD]
    beside = {name: field[name] for name in _BESIDE if name in field}
    unread = {"type": "text", "index": False, "norms": False, **beside}
    return {**mapping, "properties": {**mapping["properties"], TEXT_FIELD: unread}}


def with_weights_in_source(body: _Json) -> dict[str, Any]:  # Any: a JSON object
    """Return the body of an index in a cluster that hides weights, with these in `_source` as elsewhere.

    By itself Elasticsearch 9.2 takes them out of `_source`, but only those of a field of weights.
    """
    index = body["settings"]["index"]
    shown = {**index.get("mapping", {}), "exclude_source_vectors": False}
    return {**body, "settings": {"index": {**index, "mapping": shown}}}


def copy_body(
    mapping: _Json, settings: _Json, dialect: Dialect, segment: float
) -> dict[str, Any]:  # Any: a JSON object
    """Return the body of a small index of which applications see nothing, with fields as in another one.

    `settings` are those of the other one, without the `index` around them; `segment` is how many documents a segment
    of it has once all of a shard are in one.
    """
    kept = {name: settings[name] for name in _SETTINGS if name in settings}
    # Elasticsearch would hold a small segment in one file, whose size says nothing of its parts.
    apart = {"compound_format": False} if dialect.distribution == "elasticsearch" else {}
    own = {
        "number_of_shards": 1,
        "number_of_replicas": 0,
        "auto_expand_replicas": "false",
        "refresh_interval": "-1",
        "hidden": True,
    }
    # Of csplade's part in `_meta` nothing: it is no index of ours.
    mappings = {name: value for name, value in mapping.items() if name != "_meta"}
    return {
        "settings": {"index": {**needed_settings(settings), **kept, **apart, **own}},
        "mappings": _as_large(mappings, segment),
    }


def _as_large(mapping: _Json, segment: float) -> _Json:
    """Let a SEISMIC field be kept as in a segment of that many documents: with clusters, or without."""
    method = mapping.get("properties", {}).get(SEISMIC_FIELD, {}).get("method")
    if method is None or segment < float(method["parameters"][_THRESHOLD]):
        return mapping
    parameters = {**method["parameters"], _THRESHOLD: 1}
    field = {**mapping["properties"][SEISMIC_FIELD], "method": {**method, "parameters": parameters}}
    return {**mapping, "properties": {**mapping["properties"], SEISMIC_FIELD: field}}
