"""What an index keeps in `_source`, by its mapping: all fields, or what `includes` and `excludes` let through; pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

_Json = Mapping[str, Any]  # Any: a JSON object


def keeps(mapping: _Json, field: str) -> bool:
    """Say whether documents of an index with this mapping come back with a field."""
    source = mapping.get("_source", {})
    if source.get("enabled", True) is False:
        return False
    included = source.get("includes") or ["*"]
    return _matches(field, included) and not _matches(field, source.get("excludes", ()))


def left_out(mapping: _Json, but: Collection[str] = ()) -> str:
    """Return which fields `_source` lacks, as a part of a sentence; empty if it is whole.

    `but`: exclusions by exactly these names do not count.
    """
    source = mapping.get("_source", {})
    included, excluded = source.get("includes", ()), [name for name in source.get("excludes", ()) if name not in but]
    partly = bool(included) and "*" not in included
    kept = f"what is not {_quoted(included)}" if partly else ""
    return " and ".join(filter(None, (kept, _quoted(excluded))))


def _matches(field: str, patterns: Iterable[str]) -> bool:
    """Say whether one of the patterns is for a field: its name or that of an object around it, `*` for any text."""
    joined = "|".join(".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns)
    return bool(joined) and re.fullmatch(rf"(?:{joined})(?:\..*)?", field, re.DOTALL) is not None


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
