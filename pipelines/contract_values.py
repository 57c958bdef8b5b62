"""Which values a contract can have: their types, their ranges, and the names that this csplade knows; pure."""

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, get_args, get_origin, get_type_hints

from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.errors import EncoderError

if TYPE_CHECKING:
    from csplade.pipelines.contract import Contract

_SUM = re.compile("[0-9a-f]{64}")


def _one_of(*names: str) -> tuple[str, Callable[[object], bool]]:
    return f"one of {', '.join(names)}", lambda value: value in names


def _number(least: float, most: float = math.inf) -> tuple[str, Callable[[object], bool]]:
    told = f"{least:g} or more" if most == math.inf else f"from {least:g} to {most:g}"
    return told, lambda value: isinstance(value, int | float) and least <= value <= most and value < math.inf


_RULES = {
    "attention": _one_of(*Attention),
    "pooling": _one_of("max"),
    "term_space": _one_of("words", "pieces"),
    "query_path": _one_of("model", "table"),
    "vocabulary_size": _number(1),
    "opset": _number(1),
    "tolerance": _number(0),
    "expansion_tolerance": _number(0),
    "document.max_tokens": _number(1),
    "document.top_k": _number(0),
    "query.max_tokens": _number(1),
    "query.top_k": _number(0),
    "literal.k1": _number(0),
    "literal.b": _number(0, 1),
    "literal.average_words": ("above 0", lambda value: isinstance(value, int | float) and 0 < value < math.inf),
    "literal.default_idf": _number(0),
}
_TYPE_NAMES = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


def check_values(contract: "Contract", path: Path) -> None:
    """Refuse a contract with a value that no encoder can have.

    Raises:
        EncoderError: there is one; the message names the field, the value and what it must be.
    """
    for name, value, kind in _fields(contract, ""):
        wanted = _wanted(name, value, kind)
        if wanted is not None:
            raise EncoderError(f"{path} has {name} {value!r}, which must be {wanted}: export the encoder again")
    if contract.query_path == "table" and contract.term_space == "words" and contract.literal is None:
        raise EncoderError(
            f"{path} has query_path 'table' and no literal path, which gives queries their words: export the "
            "encoder again"
        )


def _fields(part: object, prefix: str) -> Iterator[tuple[str, object, object]]:
    """Yield the full name, value and annotation of each plain field, those inside parts too."""
    for name, kind in get_type_hints(type(part)).items():
        value = getattr(part, name)
        if dataclasses.is_dataclass(value):
            yield from _fields(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, kind


def _wanted(name: str, value: object, kind: object) -> str | None:
    """Return what the value must be, None if it is that."""
    if isinstance(kind, UnionType):
        return None if isinstance(value, NoneType) else "an object or null"
    origin = get_origin(kind) or kind
    if origin is Mapping:
        return _wanted_mapping(name, value, get_args(kind)[1])
    if origin is tuple:
        return None if all(isinstance(one, str) for one in _items(value)) else "a list of texts"
    if not _is(value, origin):
        return _TYPE_NAMES.get(origin, "an object") if isinstance(origin, type) else "an object"
    told, holds = _RULES.get(name, ("", _any))
    return None if holds(value) else told


def _wanted_mapping(name: str, value: object, kind: object) -> str | None:
    inner = value.values() if isinstance(value, Mapping) else (None,)
    if not all(_is(one, kind) for one in inner):
        return "an object of texts" if kind is str else "an object of numbers"
    sums = name != "files" or all(_SUM.fullmatch(str(one)) for one in inner)
    return None if sums else "an object of SHA-256 sums"


def _is(value: object, kind: object) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(kind, type) and isinstance(value, kind)


def _items(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (None,)


def _any(_: object) -> bool:
    return True
