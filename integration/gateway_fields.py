"""Whether indexes that are written to have the fields for weights: where they lack them, a write would make others."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from csplade.integration.dialect import RANK_FEATURES, SPARSE_VECTOR
from csplade.integration.field_map import FieldMap
from csplade.integration.gateway_json import ODD_ANSWER, read_json
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_refusals import Headers, Refusal
from csplade.integration.gateway_sending import Sender
from csplade.integration.templates import MARK_FIELD

_GOOD_SECONDS = 5.0
_MOST_KEPT = 4096
_LARGEST = 2**20
_OF_WEIGHTS = (RANK_FEATURES, SPARSE_VECTOR)


@dataclass(frozen=True, slots=True)
class Fields:
    """What the mapping of what is written to has."""

    weights: bool
    """All fields for weights that the rules name."""
    mark: bool
    """The field by which `csplade enrich` knows what is encoded."""


_NONE = Fields(weights=False, mark=False)


class WeightsFields:
    """Asks the cluster, with the caller's credentials; what it says is good for a few seconds."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._known: dict[str, tuple[float, Fields]] = {}

    async def of(self, name: str, field_map: FieldMap, headers: Headers, exchange: Exchange) -> Fields:
        """Return what an index, or an alias, has; nothing if it is not there, or this caller may not know."""
        good_until, found = self._known.get(name, (0.0, _NONE))
        if time.monotonic() < good_until:
            return found
        names = [coverage.weights for coverage in field_map.coverages]
        paths = [".".join(("properties", *name.split("."))).replace(".", ".properties.") for name in names]
        paths = [path.removeprefix("properties.") for path in paths]
        wanted = ",".join(f"*.mappings.{path}.type" for path in (*paths, f"properties.{MARK_FIELD}"))
        target = f"/{quote(name, safe='')}/_mapping?filter_path={quote(wanted, safe=',*')}".encode()
        try:
            status, body = await self._sender.ask(target, headers, exchange, _LARGEST)
        except Refusal:
            return _NONE
        if status != 200:
            # Another caller may be allowed to know.
            return _NONE
        found = _read(body, paths)
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[name] = (time.monotonic() + _GOOD_SECONDS, found)
        return found


def _read(body: bytes, paths: list[str]) -> Fields:
    try:
        answer: Mapping[str, Any] = read_json(body)  # Any: JSON values
        mappings = [index["mappings"] for index in answer.values()]
    except ODD_ANSWER:
        return _NONE
    if not mappings:
        return _NONE
    kinds = [_at(mapping, path) for mapping in mappings for path in paths]
    marks = [_at(mapping, f"properties.{MARK_FIELD}") for mapping in mappings]
    return Fields(all(kind in _OF_WEIGHTS for kind in kinds), None not in marks)


def _at(mapping: object, path: str) -> object:
    for step in (*path.split("."), "type"):
        mapping = mapping.get(step) if isinstance(mapping, dict) else None
    return mapping
