"""Tables of plain values become a `Recipe`: every key known, of its type, in its range; and back to JSON."""

import dataclasses
import enum
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, get_type_hints

from csplade.pipelines.errors import UsageError
from csplade.pipelines.training_options import Recipe
from csplade.pipelines.words import PROFILES

_Options = TypeVar("_Options")


@dataclass(frozen=True)
class _Range:
    """Which numbers a setting takes."""

    low: float
    high: float = math.inf
    without_low: bool = False
    without_high: bool = False

    def holds(self, value: float) -> bool:
        above = value > self.low if self.without_low else value >= self.low
        below = value < self.high if self.without_high else value <= self.high
        return math.isfinite(value) and above and below

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.without_low else f"of at least {self.low:g}"
        if math.isinf(self.high):
            return low
        return f"{low} and {'below' if self.without_high else 'at most'} {self.high:g}"


_COUNT, _NUMBER = _Range(1), _Range(0)
_POSITIVE = _Range(0, without_low=True)
_SHARE = _Range(0, 1)

_RANGES: Mapping[str, _Range] = {
    **dict.fromkeys(("reading.query_tokens", "reading.document_tokens"), _COUNT),
    **dict.fromkeys(("reading.query_terms", "reading.document_terms"), _COUNT),
    **dict.fromkeys(("start.strength", "start.logit_scale"), _POSITIVE),
    "start.threshold": _NUMBER,
    **dict.fromkeys(("tune.lora_rank", "tune.lora_alpha", "tune.top_layers"), _COUNT),
    **dict.fromkeys(("tune.learning_rate", "tune.head_learning_rate", "tune.clip_norm"), _POSITIVE),
    "tune.lora_dropout": _Range(0, 1, without_high=True),
    "tune.weight_decay": _NUMBER,
    "tune.warm_up": _SHARE,
    **dict.fromkeys(("loss.contrastive", "loss.kl", "loss.margin_mse", "loss.bag_of_words"), _NUMBER),
    **dict.fromkeys(("loss.flops_document", "loss.flops_query"), _NUMBER),
    **dict.fromkeys(("loss.temperature", "loss.teacher_temperature"), _POSITIVE),
    **dict.fromkeys(("loss.flops_warm_up", "loss.focus_share"), _SHARE),
    **dict.fromkeys(("loss.focus_start", "loss.focus_end"), _NUMBER),
    "loss.focus_query": _Range(0, 1, without_low=True),
    "batch.queries": _COUNT,
    **dict.fromkeys(("batch.negatives", "batch.micro_queries"), _NUMBER),
    **dict.fromkeys(("run.steps", "run.save_every", "run.keep"), _COUNT),
    **dict.fromkeys(("run.seed", "run.evaluate_every"), _NUMBER),
}
"""Of every number in a recipe; a test sees that none is left out."""
_CHOICES: Mapping[str, tuple[str, ...]] = {"reading.analysis": tuple(PROFILES)}
"""Texts that are names of something."""
_KINDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}

TABLES: Mapping[str, Any] = {  # Any: a class of options
    name: kind for name, kind in get_type_hints(Recipe).items() if dataclasses.is_dataclass(kind)
}
"""The class of each table of a recipe."""
KEYS: tuple[str, ...] = tuple(
    f"{table}.{entry.name}" for table, kind in TABLES.items() for entry in dataclasses.fields(kind)
)
"""Every setting, as `table.key`."""


def read_values(raw: Mapping[str, Any], place: str) -> Recipe:  # Any: TOML or JSON values
    """Return the recipe that `raw` describes, with defaults for what it leaves out.

    Whether its settings go together, `conflicts` says.

    Args:
        raw: a table per class of `training_options`, and `name` and `paper`.
        place: what messages call the file.

    Raises:
        UsageError: an unknown table or key, or a value of another type or out of range.
    """
    values: dict[str, Any] = {}  # Any: options and texts
    for key, value in raw.items():
        if key in TABLES:
            values[key] = _read_table(TABLES[key], value, key, place)
        elif key in ("name", "paper"):
            values[key] = _checked(str, value, key, place)
        else:
            raise unknown(key, place)
    return Recipe(**values)


def read_value(key: str, value: object, place: str) -> object:
    """Return the value of a known setting, written `table.key`, as options have it.

    Raises:
        UsageError: it is of another type or out of range.
    """
    table, _, name = key.partition(".")
    return _checked(get_type_hints(TABLES[table])[name], value, key, place)


def to_json(recipe: Recipe) -> dict[str, Any]:  # Any: a JSON object
    """Return the recipe as a JSON object, of plain texts, numbers and truth values."""
    return {
        name: {key: str(value) if isinstance(value, enum.Enum) else value for key, value in table.items()}
        if isinstance(table, dict)
        else table
        for name, table in dataclasses.asdict(recipe).items()
    }


def unknown(key: str, place: str) -> UsageError:
    """Return the error that names an unknown key with the nearest known one."""
    tops = (*TABLES, "name", "paper")
    # The table may have been left out.
    names = {full.rpartition(".")[2]: full for full in KEYS} | {full: full for full in (*KEYS, *tops)}
    near = get_close_matches(key, names, n=1)
    fits = [full for full in KEYS if full.startswith(f"{key.partition('.')[0]}.")] or tops
    hint = f"did you mean {names[near[0]]}?" if near else f"there are {', '.join(fits)}"
    return UsageError(f"{place}: there is no setting {key}; {hint}")


def _read_table(kind: type[_Options], raw: object, table: str, place: str) -> _Options:
    if not isinstance(raw, Mapping):
        raise UsageError(f"{place}: {table} is {raw!r}, it must be a table: write its keys below [{table}]")
    types = get_type_hints(kind)
    values: dict[str, Any] = {}  # Any: what each field's type says
    for name, value in raw.items():
        key = f"{table}.{name}"
        if name not in types:
            raise unknown(key, place)
        values[name] = _checked(types[name], value, key, place)
    return kind(**values)


def _checked(kind: type, value: object, key: str, place: str) -> object:
    if issubclass(kind, enum.Enum):
        choices: tuple[str, ...] = tuple(member.value for member in kind)
        return kind(_chosen(value, choices, key, place))
    if key in _CHOICES:
        return _chosen(value, _CHOICES[key], key, place)
    bounds = _RANGES.get(key)
    # A truth value is a whole number to Python, and a whole number is a number.
    fits = type(value) is kind or (kind is float and type(value) is int)
    if fits and (bounds is None or (isinstance(value, int | float) and bounds.holds(value))):
        return float(value) if kind is float and isinstance(value, int) else value
    wanted = _KINDS[kind] if bounds is None else f"{_KINDS[kind]} {bounds}"
    raise UsageError(f"{place}: {key} is {_shown(value)}, it must be {wanted}")


def _chosen(value: object, choices: tuple[str, ...], key: str, place: str) -> str:
    if isinstance(value, str) and value in choices:
        return value
    raise UsageError(f"{place}: {key} is {_shown(value)}, it must be one of {', '.join(choices)}")


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


@dataclass(frozen=True)
class Conflict:
    """Settings that exclude each other."""

    keys: tuple[str, ...]
    said: str
    """What is wrong, with the next step."""


def conflicts(recipe: Recipe) -> Iterator[Conflict]:
    """Give what does not go together in a recipe."""
    loss, batch, reading = recipe.loss, recipe.batch, recipe.reading
    weights = ("loss.contrastive", "loss.kl", "loss.margin_mse", "loss.bag_of_words")
    if not (loss.contrastive or loss.kl or loss.margin_mse or loss.bag_of_words):
        named = f"{', '.join(weights[:-1])} and {weights[-1]}"
        yield Conflict(weights, f"{named} are all 0, so that nothing is learned: give one of them a weight")
    if batch.micro_queries > batch.queries:
        yield Conflict(
            ("batch.micro_queries", "batch.queries"),
            f"batch.micro_queries is {batch.micro_queries}, more than the {batch.queries} of batch.queries: lower it, "
            "or 0 runs the batch at once",
        )
    if bool(loss.focus_start) != bool(loss.focus_end) or loss.focus_end > loss.focus_start:
        yield Conflict(
            ("loss.focus_start", "loss.focus_end"),
            f"the focusing window goes from loss.focus_start = {loss.focus_start} to loss.focus_end = "
            f"{loss.focus_end}: let it narrow or stay, or set both to 0",
        )
    if reading.literal_residual and reading.term_space.value == "words":
        yield Conflict(
            ("reading.literal_residual", "reading.term_space"),
            "reading.literal_residual is for terms that are pieces, words have their literal path: set "
            "reading.term_space to pieces, or leave the residual out",
        )
    if reading.last_resort and reading.term_space.value == "words":
        yield Conflict(
            ("reading.last_resort", "reading.term_space"),
            "reading.last_resort is for terms that are pieces, a text without words has no vector: set "
            "reading.term_space to pieces, or leave the last resort out",
        )
