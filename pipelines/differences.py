"""In what two runs differ that were told apart by JSON objects; light."""

from collections.abc import Mapping
from typing import Any

import orjson


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any], place: str = "") -> list[str]:
    """Return each value in which two fingerprints differ, as `recipe.loss.kl is 0.5 there and 1.0 here`."""
    found = []
    for name in sorted({*theirs, *ours}):
        there, here = theirs.get(name), ours.get(name)
        if isinstance(there, Mapping) and isinstance(here, Mapping):
            found += differences(there, here, f"{place}{name}.")
        elif there != here:
            found.append(f"{place}{name} is {there!r} there and {here!r} here")
    return found


def as_json(value: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON values
    """Make tuples lists and enumerations strings, as in a file, so that both sides of `differences` compare alike."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(value))
    return plain
