"""A TOML or JSON file says which indexes are rewritten and how; every key known, of its type, in its range.

One `[[index]]` table per pattern of index names; the first that fits an index counts.
"""

import enum
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import orjson
from csplade.integration.dialect import PLAIN, Dialect
from csplade.integration.field_map import Coverage, FieldMap, matches
from csplade.integration.planner import PlanOptions
from csplade.integration.rewrite_policy import Policies, RewriteMode, RewriteOptions
from csplade.integration.templates import MARK_FIELD, SEISMIC_FIELD
from csplade.pipelines.errors import UsageError

_USUAL = RewriteOptions()
_INDEX_KEYS = (
    *("pattern", "mode", "bm25_weight", "max_clauses", "share", "calibration", "default_fields"),
    *("hide_weights", "weights", "policy"),
)
_WEIGHTS_KEYS = ("field", "covers", "nested")
_POLICY_KINDS: Mapping[str, type[enum.StrEnum]] = get_type_hints(Policies)

_Value = TypeVar("_Value")
Values = Mapping[str, Any]  # Any: TOML or JSON values


@dataclass(frozen=True)
class IndexRules:
    """How searches of the indexes that fit a pattern are rewritten."""

    pattern: str
    field_map: FieldMap
    options: RewriteOptions
    hide_weights: bool = False
    """Whether a gateway keeps the weights out of documents that are read through it."""

    @property
    def hidden_fields(self) -> tuple[str, ...]:
        """Return the fields that are kept out: those for weights, by number too, and their mark."""
        named = [*(coverage.weights for coverage in self.field_map.coverages), SEISMIC_FIELD, MARK_FIELD]
        return tuple(dict.fromkeys(named)) if self.hide_weights else ()


@dataclass(frozen=True)
class RewriteConfig:
    """The rules of a file, in its order."""

    rules: tuple[IndexRules, ...]

    def for_index(self, name: str) -> IndexRules | None:
        """Return the first rules whose pattern fits; None: searches of this index are left alone."""
        return next((rules for rules in self.rules if matches(rules.pattern, name)), None)

    def towards(self, dialect: Dialect) -> "RewriteConfig":
        """Return the same rules for a kind of cluster."""
        return RewriteConfig(
            tuple(replace(rules, options=replace(rules.options, dialect=dialect)) for rules in self.rules)
        )


def load_config(path: Path, dialect: Dialect = PLAIN) -> RewriteConfig:
    """Read a configuration, JSON if the file's name ends so, else TOML.

    Raises:
        UsageError: it cannot be read; the message names the key.
    """
    return read_config(load_values(path), path.name, dialect)


def load_values(path: Path) -> object:
    """Read what stands in a file, JSON if its name ends so, else TOML.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        text = path.read_bytes()
        return orjson.loads(text) if path.suffix == ".json" else tomllib.loads(text.decode())
    except (ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"the configuration {path} cannot be read ({reason}): check the path and its syntax"
        ) from error


def read_config(raw: object, place: str, dialect: Dialect = PLAIN) -> RewriteConfig:
    """Return the configuration that `raw` describes; `place` is what messages call the file.

    Raises:
        UsageError: an unknown key, or a value of another type or out of range.
    """
    # What stands in `gateway` is read by the gateway, which takes the same file.
    table = _known(raw, ("index", "gateway"), place)
    indexes = _Reader(table, place).take("index", _list, None, "a list of tables, each as [[index]]")
    if not indexes:
        raise UsageError(f"{place}: there is no index: write an [[index]] table with its pattern and weights")
    return RewriteConfig(
        tuple(_rules(each, f"{place}: index[{number}]", dialect) for number, each in enumerate(indexes))
    )


class _Reader:
    """Takes values out of one table, and names the key of what does not fit."""

    def __init__(self, table: Values, place: str) -> None:
        self._table = table
        self.place = place

    def take(self, key: str, read: Callable[[object], _Value | None], default: _Value | None, wanted: str) -> _Value:
        """Return a value; `read` gives None for what does not fit. Without a default it must be there."""
        if key not in self._table and default is not None:
            return default
        value = read(self._table.get(key))
        if value is None:
            shown = f"is {self._table[key]!r}" if key in self._table else "is missing"
            raise UsageError(f"{self.place}.{key} {shown}, it must be {wanted}")
        return value


def _rules(raw: object, place: str, dialect: Dialect) -> IndexRules:
    reader = _Reader(_known(raw, _INDEX_KEYS, place), place)
    weights = reader.take("weights", _list, None, "a list of tables, each as [[index.weights]]")
    coverages = tuple(_coverage(each, f"{place}.weights[{number}]") for number, each in enumerate(weights))
    share = reader.take("share", _above(0.0, 1.0), _USUAL.plan.share, "a number above 0, at most 1")
    most = reader.take("max_clauses", _whole, _USUAL.plan.max_clauses, "a whole number of at least 1")
    calibrated = reader.take("calibration", _truth, _USUAL.plan.calibrated, "true or false")
    options = RewriteOptions(
        mode=reader.take("mode", _member(RewriteMode), _USUAL.mode, _choices(RewriteMode)),
        bm25_weight=reader.take("bm25_weight", _from_zero, _USUAL.bm25_weight, "a number from 0 on"),
        policies=_policies(reader.take("policy", _table, {}, "a table"), f"{place}.policy"),
        plan=PlanOptions(most, share, calibrated=calibrated),
        dialect=dialect,
    )
    return IndexRules(
        reader.take("pattern", _name, None, "the name of an index, `*` for any characters"),
        _field_map(reader, coverages),
        options,
        reader.take("hide_weights", _truth, False, "true or false"),
    )


def _field_map(reader: _Reader, coverages: tuple[Coverage, ...]) -> FieldMap:
    names: tuple[str, ...] = reader.take("default_fields", _names, (), "a list of field names")
    try:
        return FieldMap(coverages, names)
    except UsageError as error:
        raise UsageError(f"{reader.place}.default_fields: {error}") from error


def _coverage(raw: object, place: str) -> Coverage:
    reader = _Reader(_known(raw, _WEIGHTS_KEYS, place), place)
    covers = reader.take("covers", _boosts, None, "a list of text fields, or a table of text field = boost above 0")
    field = reader.take("field", _name, None, "the name of a weights field")
    nested = reader.take("nested", _name, "", "the path of nested objects") or None
    try:
        return Coverage(field, covers, nested)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


def _policies(raw: Values, place: str) -> Policies:
    reader = _Reader(_known(raw, tuple(entry.name for entry in fields(Policies)), place), place)
    values: dict[str, Any] = {  # Any: a member of what the policy chooses from
        name: reader.take(name, _member(kind), None, _choices(kind))
        for name, kind in _POLICY_KINDS.items()
        if name in raw
    }
    try:
        return Policies(**values)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


def _known(raw: object, keys: tuple[str, ...], place: str) -> Values:
    """Return a table all of whose keys are known."""
    if not isinstance(raw, Mapping):
        raise UsageError(f"{place} is {raw!r}, it must be a table")
    for key in raw:
        if key not in keys:
            near = get_close_matches(key, keys, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(keys)}"
            raise UsageError(f"{place}: there is no setting {key}; {hint}")
    return raw


def _choices(kind: type[enum.StrEnum]) -> str:
    return f"one of {', '.join(kind)}"


def _member(kind: type[enum.StrEnum]) -> Callable[[object], Any]:  # Any: a member of `kind`
    return lambda value: kind(value) if isinstance(value, str) and value in set(kind) else None


def _list(value: object) -> list[object] | None:
    return value if isinstance(value, list) else None


def _table(value: object) -> Values | None:
    return value if isinstance(value, Mapping) else None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _names(value: object) -> tuple[str, ...] | None:
    return tuple(value) if isinstance(value, list) and all(map(_name, value)) else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return value if type(value) is int and value >= 1 else None


def _from_zero(value: object) -> float | None:
    return (
        float(value)
        if type(value) in (int, float) and isinstance(value, int | float) and 0 <= value < math.inf
        else None
    )


def _above(low: float, high: float) -> Callable[[object], float | None]:
    return lambda value: number if (number := _from_zero(value)) is not None and low < number <= high else None


def _boosts(value: object) -> Mapping[str, float] | None:
    """Read text fields, with factors or without."""
    names = _names(value)
    named = value if names is None else dict.fromkeys(names, 1.0)
    if not isinstance(named, Mapping) or not named:
        return None
    boosts = {name: _above(0.0, math.inf)(boost) for name, boost in named.items()}
    return {name: boost for name, boost in boosts.items() if boost is not None} if all(boosts.values()) else None
