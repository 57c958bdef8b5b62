"""Clauses that were read, written again: with another boost, or cut down to some of their fields; pure."""

from collections.abc import Mapping

from csplade.integration.rewrite_budget import FIELD_KINDS
from csplade.integration.rewrite_clauses import TextField
from csplade.integration.rewrite_report import JsonObject


def original(kind: str, body: JsonObject, boost: float) -> JsonObject:
    """Return a clause that was read without its name, with another boost."""
    if kind not in FIELD_KINDS:
        return {kind: _reboosted(body, boost)}
    ((field, values),) = body.items()
    if not isinstance(values, Mapping):
        return {kind: body} if boost == 1 else {kind: {field: {"query": values, "boost": boost}}}
    return {kind: {field: _reboosted(values, boost)}}


def remainder(kind: str, body: JsonObject, fields: tuple[TextField, ...], free: bool) -> JsonObject:
    """Return a clause over several fields cut down to some of them; `free`: any of its words will do."""
    left_out = {"fields", "default_field"} | (
        {"operator", "default_operator", "minimum_should_match"} if free else set()
    )
    values = {name: value for name, value in _reboosted(body, 1.0).items() if name not in left_out}
    return {kind: {**values, "fields": [_written(field) for field in fields]}}


def _written(field: TextField) -> str:
    return field.name if field.boost == 1 else f"{field.name}^{field.boost:g}"


def _reboosted(values: JsonObject, boost: float) -> JsonObject:
    kept = {name: value for name, value in values.items() if name not in ("boost", "_name")}
    return kept if boost == 1 else {**kept, "boost": boost}
