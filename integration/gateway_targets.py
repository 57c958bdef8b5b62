"""What a request asks for, by its method and path: a search of some kind, a write, or nothing to rewrite; pure."""

import enum
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes


class Kind(enum.StrEnum):
    """What a request is."""

    SEARCH = "search"
    """Also an asynchronous one."""
    TEMPLATE = "template"
    MANY = "many"
    """Several searches."""
    MANY_TEMPLATES = "many_templates"
    COUNT = "count"
    VALIDATE = "validate"
    EXPLAIN = "explain"
    OPEN_PIT = "open_pit"
    """It opens a point in time, in which later searches name no index."""
    CLOSE_PIT = "close_pit"
    BULK = "bulk"
    INDEX = "index"
    """It writes one whole document."""
    UPDATE = "update"
    DOCUMENT = "document"
    """It reads one, whole or its `_source` alone."""
    DOCUMENTS = "documents"
    """It reads several by their ids."""


SEVERAL = frozenset({Kind.MANY, Kind.MANY_TEMPLATES})
TEMPLATES = frozenset({Kind.TEMPLATE, Kind.MANY_TEMPLATES})
WRITES = frozenset({Kind.BULK, Kind.INDEX, Kind.UPDATE})
READS = frozenset({Kind.DOCUMENT, Kind.DOCUMENTS})
SEARCHES = SEVERAL | {Kind.SEARCH, Kind.TEMPLATE, Kind.COUNT, Kind.VALIDATE, Kind.EXPLAIN}

_ASKED = ("GET", "POST")
_WRITTEN = ("PUT", "POST")
_CLOSED = (("_search", "point_in_time"), ("_search", "point_in_time", "_all"), ("_pit",))
# With the names of indexes before them, or without.
_SEARCHES: dict[tuple[str, ...], Kind] = {
    ("_search",): Kind.SEARCH,
    ("_async_search",): Kind.SEARCH,
    ("_search", "template"): Kind.TEMPLATE,
    ("_msearch",): Kind.MANY,
    ("_msearch", "template"): Kind.MANY_TEMPLATES,
    ("_count",): Kind.COUNT,
    ("_validate", "query"): Kind.VALIDATE,
}


@dataclass(frozen=True, slots=True)
class Target:
    """A request that may have to be rewritten."""

    kind: Kind
    names: str
    """The indexes as the caller names them, with commas and wildcards; empty: all of them, or as the body says."""


def read_target(method: str, path: bytes, typed: bool = False) -> Target | None:
    """Return what a request asks for; None: nothing that is ever rewritten.

    `typed`: the cluster also knows paths with the type of documents in them, as Elasticsearch 7 does.
    """
    steps = _steps(path)
    if not steps:
        return None
    if method == "POST" and steps == ["_plugins", "_asynchronous_search"]:
        return Target(Kind.SEARCH, "")
    names = "" if steps[0].startswith("_") and steps[0] != "_all" else steps.pop(0)
    if typed and names:
        steps = _untyped(method, steps)
    kind = _search_of(method, tuple(steps), bool(names)) or _write_of(method, steps, bool(names))
    return None if kind is None else Target(kind, names)


def read_reading(method: str, path: bytes, typed: bool = False) -> Target | None:
    """Return which documents a request reads by their ids; None: none. `typed` as above."""
    match method, _steps(path):
        case "GET", [names, "_doc", _, "_source"] if typed and not names.startswith("_"):
            return Target(Kind.DOCUMENT, names)
        case "GET", [names, "_doc" | "_source", _] if not names.startswith("_"):
            return Target(Kind.DOCUMENT, names)
        case (("GET" | "POST"), ["_mget"]):
            return Target(Kind.DOCUMENTS, "")
        case (("GET" | "POST"), [names, "_mget"]) if not names.startswith("_"):
            return Target(Kind.DOCUMENTS, names)
        case _:
            return None


def _steps(path: bytes) -> list[str]:
    """Return the steps of a path, none if they are not to be read."""
    try:
        # Servers pass over slashes at the end, not over those before.
        steps = [unquote_to_bytes(step).decode() for step in path.rstrip(b"/").split(b"/")[1:]]
    except UnicodeDecodeError:
        return []
    return steps if all(steps) else []


def with_index(target: Target, index: str | None) -> Target:
    """Return a target with the indexes that the parameter `index` names; clusters heed it where the path names none."""
    return target if target.names or index is None else replace(target, names=index)


def _untyped(method: str, steps: list[str]) -> list[str]:
    """Return the steps behind an index without the type `_doc`, where they mean the same; other types stay."""
    match steps:
        case ["_doc", identity, "_update" | "_create" | "_explain" as action]:
            return [action, identity]
        case ["_doc", "_bulk"] | ["_doc", "_validate", "query"]:
            return steps[1:]
        # A document may have such an id, and is written with PUT.
        case ["_doc", "_search" | "_msearch" | "_count"] if method in _ASKED:
            return steps[1:]
        case _:
            return steps


def _search_of(method: str, steps: tuple[str, ...], named: bool) -> Kind | None:
    if method == "POST" and named and steps in (("_search", "point_in_time"), ("_pit",)):
        return Kind.OPEN_PIT
    if method == "DELETE" and not named and steps in _CLOSED:
        return Kind.CLOSE_PIT
    if method not in _ASKED:
        return None
    if named and len(steps) == 2 and steps[0] == "_explain":
        return Kind.EXPLAIN
    if steps == ("_async_search",) and method == "GET":
        return None
    return _SEARCHES.get(steps)


def _write_of(method: str, steps: list[str], named: bool) -> Kind | None:
    if steps == ["_bulk"] and method in _WRITTEN:
        return Kind.BULK
    if not named or method not in _WRITTEN:
        return None
    match steps:
        case ["_doc"] if method == "POST":
            return Kind.INDEX
        case ["_doc" | "_create", _]:
            return Kind.INDEX
        case ["_update", _] if method == "POST":
            return Kind.UPDATE
        case _:
            return None
