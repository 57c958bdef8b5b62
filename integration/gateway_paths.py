"""Where fields stand in the JSON of a document: names with dots, or objects in each other; pure."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

Json = dict[str, Any]  # Any: JSON values


def paths_of(part: Json, before: str = "", empty: bool = True) -> Iterator[str]:
    """Give the dotted paths of all values that are no objects with something in them; `empty`: also of empty ones."""
    for name, value in part.items():
        if isinstance(value, dict) and value:
            yield from paths_of(value, f"{before}{name}.", empty)
        elif empty or value != {}:
            yield f"{before}{name}"


def meet(path: str, name: str) -> bool:
    """Return whether a value at a path is that of a field, or of what holds it, or of a part of it."""
    return fnmatchcase(path, name) or name.startswith(f"{path}.") or path.startswith(f"{name}.")


def objects_at(source: Json, path: str, whole: bool = True) -> Iterator[tuple[Json, bool]]:
    """Give the objects that stand at a path, also in lists.

    And whether each takes the place of what is there if `source` is merged into a document: in a list it does.
    """
    if path in source:
        yield from _objects(source[path], whole)
        return
    first, _, rest = path.partition(".")
    if rest:
        for inner, inner_whole in _objects(source.get(first), whole):
            yield from objects_at(inner, rest, inner_whole)


def _objects(value: object, whole: bool) -> Iterator[tuple[Json, bool]]:
    if isinstance(value, dict):
        yield value, whole
    elif isinstance(value, list):
        for each in value:
            yield from _objects(each, True)


def held(source: Json, path: str) -> bool:
    """Return whether there is a field with something in it."""
    if path in source:
        return source[path] is not None
    first, _, rest = path.partition(".")
    inner = source.get(first)
    return held(inner, rest) if rest and isinstance(inner, dict) else False


def replaced(part: Json, path: str) -> bool:
    """Return whether nothing of what a field held is left once `part` is merged into its document."""
    if path in part:
        return True
    first, _, rest = path.partition(".")
    if not rest or first not in part:
        return False
    inner = part[first]
    return replaced(inner, rest) if isinstance(inner, dict) else True


def dropped(source: Json, path: str) -> bool:
    """Take a field out of an object, however its name is written; return whether it was there."""
    found = path in source
    source.pop(path, None)
    first, _, rest = path.partition(".")
    inner = source.get(first)
    return (dropped(inner, rest) if rest and isinstance(inner, dict) else False) or found
