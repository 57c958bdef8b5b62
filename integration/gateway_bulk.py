"""The lines of a bulk request: what is written where, and the same lines again with other documents; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from csplade.integration.gateway_json import UnreadJson, read_json

_ACTIONS = ("index", "create", "update", "delete")
_WHOLE = ("index", "create")


@dataclass(frozen=True)
class Action:
    """One action, with the line below it if it has one."""

    line: bytes
    kind: str
    index: str
    """Empty: that of the request."""
    source: bytes | None

    @property
    def whole(self) -> bool:
        """Return whether it writes a whole document."""
        return self.kind in _WHOLE


def read_actions(body: bytes) -> list[Action]:
    """Return the actions of a bulk request.

    Raises:
        UnreadJson: it is not lines of JSON as a bulk request has them.
    """
    *lines, last = body.split(b"\n")
    if last.strip():
        raise UnreadJson("its last line has no end")
    found: list[Action] = []
    waiting = iter(lines)
    for line in waiting:
        kind, values = _action(line)
        source = None if kind == "delete" else next(waiting, None)
        if kind != "delete" and source is None:
            raise UnreadJson("an action has no document")
        found.append(Action(line, kind, values.get("_index", ""), source))
    return found


def written_actions(actions: Sequence[Action], sources: Sequence[bytes | None]) -> bytes:
    """Return the body of a bulk request with these documents in the place of its own."""
    lines = [
        line
        for action, source in zip(actions, sources, strict=True)
        for line in (action.line, source)
        if line is not None
    ]
    return b"\n".join([*lines, b""])


def _action(line: bytes) -> tuple[str, dict[str, Any]]:  # Any: JSON values
    value = read_json(line)
    if isinstance(value, dict) and len(value) == 1:
        ((kind, values),) = value.items()
        if kind in _ACTIONS and isinstance(values, dict) and isinstance(values.get("_index", ""), str):
            return kind, values
    raise UnreadJson("a line is no action of a bulk request")
