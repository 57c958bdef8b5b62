"""The lines of a bulk request: what is written where, and the same lines again with other documents; pure.

And its answer: which items were refused, and the same answer with what became of them a second time.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from csplade.integration.gateway_json import UnreadJson, read_json

_ACTIONS = ("index", "create", "update", "delete")
_WHOLE = ("index", "create")
_REFUSED = 400


@dataclass(frozen=True)
class Action:
    """One action, with the line below it if it has one."""

    line: bytes
    """With the empty lines before it, which clusters pass over."""
    kind: str
    index: str
    """Empty: that of the request."""
    source: bytes | None
    id: str = ""
    """Empty: the cluster makes one."""
    below: tuple[bytes, ...] = ()
    """Empty lines behind the last one."""

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
    blanks: list[bytes] = []
    waiting = iter(lines)
    for line in waiting:
        if not line.strip():
            blanks.append(line)
            continue
        kind, values = _action(line)
        source = None if kind == "delete" else next(waiting, None)
        if kind != "delete" and source is None:
            raise UnreadJson("an action has no document")
        whole = b"\n".join([*blanks, line])
        found.append(Action(whole, kind, values.get("_index", ""), source, str(values.get("_id", ""))))
        blanks = []
    return _ended(found, blanks)


def written_actions(actions: Sequence[Action], sources: Sequence[bytes | None]) -> bytes:
    """Return the body of a bulk request with these documents in the place of its own."""
    lines = [
        line
        for action, source in zip(actions, sources, strict=True)
        for line in (action.line, source, *action.below)
        if line is not None
    ]
    return b"\n".join([*lines, b""])


def refused_places(answer: object, actions: Sequence[Action], places: Collection[int]) -> list[int]:
    """Return those of the places whose documents the cluster refused for what they hold, and may be sent once more.

    A document that the request writes, or deletes, more than once may not: the order of its changes would be another.
    """
    items = _items(answer)
    if items is None or len(items) != len(actions):
        return []
    times = Counter(action.id for action in actions if action.id)
    alone = [place for place in places if times[actions[place].id] <= 1]
    return [place for place in alone if _result(items[place]).get("status") == _REFUSED]


def merged(answer: Mapping[str, Any], places: Sequence[int], again: object) -> dict[str, Any] | None:
    """Return the answer with other results in these places; None: `again` is no answer about so many.

    Any: JSON values.
    """
    later, items = _items(again), _items(answer)
    if items is None or later is None or len(later) != len(places):
        return None
    whole = [*items]
    for place, item in zip(places, later, strict=True):
        whole[place] = item
    return {**answer, "errors": any("error" in _result(item) for item in whole), "items": whole}


def _ended(actions: list[Action], blanks: Sequence[bytes]) -> list[Action]:
    """Return the actions with the empty lines behind them."""
    if not blanks:
        return actions
    if not actions:
        raise UnreadJson("it has no action")
    return [*actions[:-1], replace(actions[-1], below=tuple(blanks))]


def _items(answer: object) -> list[Any] | None:  # Any: JSON values
    items = answer.get("items") if isinstance(answer, Mapping) else None
    return items if isinstance(items, list) else None


def _result(item: object) -> Mapping[str, Any]:  # Any: JSON values
    """Return what became of one action; it stands under the action's name."""
    values = list(item.values()) if isinstance(item, Mapping) else []
    return values[0] if len(values) == 1 and isinstance(values[0], Mapping) else {}


def _action(line: bytes) -> tuple[str, dict[str, Any]]:  # Any: JSON values
    value = read_json(line)
    if isinstance(value, dict) and len(value) == 1:
        ((kind, values),) = value.items()
        if kind in _ACTIONS and isinstance(values, dict) and isinstance(values.get("_index", ""), str):
            return kind, values
    raise UnreadJson("a line is no action of a bulk request")
