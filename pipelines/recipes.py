"""Recipes: TOML files, ours in `recipes/` or anybody's, become what a training runs by.

A file has `name`, `paper` and the tables of `training_options`. `extends` takes over another recipe's settings.
Several `[[stage]]` tables, each with such tables of its own, are a curriculum; what stands outside them holds for all.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from csplade.pipelines.errors import UsageError
from csplade.pipelines.recipe_values import TABLES, conflicts, read_value, read_values, to_json, unknown
from csplade.pipelines.training_options import Recipe

__all__ = ["Curriculum", "from_json", "load_recipe", "overridden", "recipe_names", "to_json"]

_SUFFIX = ".toml"
_Raw = dict[str, Any]
"""Any: TOML values."""


@dataclass(frozen=True)
class Curriculum:
    """Trainings that follow each other, each from the weights of the one before; mostly there is one."""

    name: str
    paper: str
    stages: tuple[Recipe, ...]


@dataclass(frozen=True)
class _File:
    """A recipe's text and what messages call it."""

    name: str
    place: str
    text: str
    folder: Path = Path()
    """Where the files that it extends are."""


def recipe_names() -> list[str]:
    """Return the names of the recipes that csplade brings along, sorted."""
    found = files("csplade.pipelines").joinpath("recipes").iterdir()
    return sorted(file.name.removesuffix(_SUFFIX) for file in found if file.name.endswith(_SUFFIX))


def load_recipe(name_or_path: str) -> Curriculum:
    """Return one of our recipes by its name, or anybody's by its file's path.

    Raises:
        UsageError: there is none, it is not TOML, or it holds something that is no setting or out of range.
    """
    return _load(_find(name_or_path, Path()))


def overridden(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Return the recipe with settings like `loss.kl=0.5` changed, in order.

    Raises:
        UsageError: a setting has no `=`, is unknown, of another type, out of range, or excludes another.
    """
    raw = to_json(recipe)
    last: dict[str, str] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        table, dot, name = key.partition(".")
        if not equals or key in TABLES:
            raise UsageError(f"{setting!r} changes nothing: write it as table.key=value, such as loss.kl=0.5")
        if not dot or table not in TABLES or name not in raw[table]:
            raise unknown(key, setting)
        raw[table][name] = _parsed(text, raw[table][name])
        read_value(key, raw[table][name], setting)
        last[key] = setting
    changed = read_values(raw, recipe.name)
    for conflict in conflicts(changed):
        # Of many settings, those that it is about.
        guilty = " ".join(last[key] for key in conflict.keys if key in last)
        raise UsageError(f"{guilty or recipe.name}: {conflict.said}")
    return changed


def from_json(raw: Mapping[str, Any], place: str = "the saved recipe") -> Recipe:  # Any: a JSON object
    """Return what `to_json` was given; what a recipe of an older csplade lacks has its default.

    Raises:
        UsageError: it holds something that is no setting or out of range; `place` says where it is from.
    """
    return _sound(raw, place)


def _sound(raw: Mapping[str, Any], place: str) -> Recipe:  # Any: TOML or JSON values
    recipe = read_values(raw, place)
    for conflict in conflicts(recipe):
        raise UsageError(f"{place}: {conflict.said}")
    return recipe


def _load(file: _File) -> Curriculum:
    raw = {"name": file.name, **_resolved(file, ())}
    stages = raw.pop("stage", None)
    # Stages may change what does not go together outside them.
    common = _sound(raw, file.place) if stages is None else read_values(raw, file.place)
    if stages is None:
        return Curriculum(common.name, common.paper, (common,))
    read = tuple(_read_stage(stage, raw, number, file) for number, stage in enumerate(_tables(stages, file), start=1))
    if len({stage.name for stage in read}) < len(read):
        raise UsageError(f"{file.place}: two stages have the same name: give each its own")
    return Curriculum(common.name, common.paper, read)


def _find(name_or_path: str, folder: Path) -> _File:
    if name_or_path in recipe_names():
        text = files("csplade.pipelines").joinpath("recipes", name_or_path + _SUFFIX).read_text(encoding="utf-8")
        return _File(name_or_path, f"the recipe {name_or_path}", text)
    path = folder / name_or_path
    if not path.is_file():
        near = get_close_matches(name_or_path, recipe_names(), n=1)
        hint = f"did you mean {near[0]}? There are also" if near else "take the path of a TOML file, or one of"
        raise UsageError(f"there is no recipe {name_or_path!r}; {hint} {', '.join(recipe_names())}")
    try:
        return _File(path.stem, str(path), path.read_text(encoding="utf-8"), path.parent)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}): give a recipe's TOML file") from error


def _resolved(file: _File, children: tuple[str, ...]) -> _Raw:
    """Return the file's tables on top of those that it extends; `children` are the places of those that extend it."""
    try:
        raw: _Raw = tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file.place} is not TOML ({error}): mend it") from error
    parent = raw.pop("extends", None)
    if parent is None:
        return raw
    if not isinstance(parent, str):
        raise UsageError(f"{file.place}: extends is {parent!r}, it must name another recipe or its file")
    if file.place in children:
        raise UsageError(f"{file.place}: extends goes in a circle, by {' and '.join(children)}: leave it out of one")
    base = _resolved(_find(parent, file.folder), (*children, file.place))
    if "stage" in base:
        raise UsageError(f"{file.place}: extends is {parent!r}, which has stages: copy its file, and change the copy")
    return _merged({key: value for key, value in base.items() if key != "name"}, raw)


def _merged(base: _Raw, top: _Raw) -> _Raw:
    """Return both, `top` where they meet; their tables are merged alike."""
    both = {key for key in base if isinstance(base[key], dict) and isinstance(top.get(key), dict)}
    return {**base, **top, **{key: {**base[key], **top[key]} for key in both}}


def _tables(stages: object, file: _File) -> list[_Raw]:
    if isinstance(stages, list) and stages and all(isinstance(stage, dict) for stage in stages):
        return stages
    raise UsageError(f"{file.place}: stage must be tables: begin each with [[stage]]")


def _read_stage(stage: _Raw, common: _Raw, number: int, file: _File) -> Recipe:
    name = f"{common['name']}-{stage.get('name', number)}"
    return _sound({**_merged(common, stage), "name": name}, f"{file.place}, stage {number}")


def _parsed(text: str, current: object) -> object:
    """Return a TOML value, or the text itself where it is none, such as a bare word, or where a text is wanted."""
    try:
        value: object = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, str) or not isinstance(current, str) else text
