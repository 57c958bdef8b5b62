"""The blanks of a search template: what a cluster fills in them could change how the body around is read; pure."""

import re
from collections.abc import Iterator, Mapping

from csplade.integration.rewrite_report import JsonObject
from csplade.integration.rewrite_scores import scripts_in, strings_in

OPEN = "{{"
PLAIN = re.compile(r"(?<!\{)\{\{\s*([\w.]+)\s*\}\}(?!\})")
"""A blank for one parameter; with triple braces it is filled without escapes, and could hold anything."""

# Parts that are read as a whole, and say how all others are.
_DECIDING = (
    "sort",
    "track_scores",
    "min_score",
    "aggs",
    "aggregations",
    "retriever",
    "runtime_mappings",
    "derived",
)
# Whether a score counts at all.
_MODES = frozenset({"boost_mode", "score_mode"})
# Objects whose names are read; a name elsewhere is that of a field, or of a clause that is not known.
_READ = frozenset(
    {
        *("$", "query", "rescore", "bool", "dis_max", "boosting", "hybrid", "constant_score", "function_score"),
        *("script_score", "nested", "has_child", "has_parent"),
    }
)


def blank_in_doubt(source: JsonObject) -> str | None:
    """Return why a template cannot be read before it is filled; None if its blanks change nothing of that."""
    if any(OPEN in PLAIN.sub("", text) for text in strings_in(source)):
        return "its source has more than plain blanks"
    deciding = next((name for name in _DECIDING if _has_blank(source.get(name))), None)
    if deciding is not None:
        return f"its {deciding} has a blank"
    if any(_has_blank(_told(script)) for script in scripts_in(source)):
        return "a script in it has a blank"
    for parent, name, value in _named_values(source):
        if OPEN in name and parent in _READ:
            return "the name of a part is a blank"
        if name in _MODES and _has_blank(value):
            return f"its {name} has a blank"
    return None


def _has_blank(value: object) -> bool:
    return any(OPEN in text for text in strings_in(value))


def _told(script: object) -> object:
    """Return a script without its parameters, which never change what it reads."""
    return (
        {name: value for name, value in script.items() if name != "params"} if isinstance(script, Mapping) else script
    )


def _named_values(source: JsonObject) -> Iterator[tuple[str, str, object]]:
    """Give every value with its name and that of the object around it; items of a list are in the list's place."""
    waiting: list[tuple[str, object]] = [("$", source)]
    while waiting:
        parent, value = waiting.pop()
        if isinstance(value, Mapping):
            yield from ((parent, name, inner) for name, inner in value.items())
            waiting += value.items()
        elif isinstance(value, list):
            waiting += ((parent, each) for each in value)
