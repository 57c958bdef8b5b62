"""JSON with some of its parts replaced; what does not change stays the same object; pure."""

from typing import Any

from csplade.integration.rewrite_report import JsonObject


def with_part(holder: JsonObject, name: str, value: object) -> JsonObject:
    """Return an object with another value of a name that it has."""
    return holder if holder[name] is value else {**holder, name: value}


def with_items(old: list[Any], new: list[Any]) -> list[Any]:  # Any: JSON values
    """Return the new items of a list, in the old list if they are the same objects."""
    return old if all(one is other for one, other in zip(new, old, strict=True)) else new
