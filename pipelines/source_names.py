"""What the sources of a training are called: paths in, names out that differ where paths do."""

from collections.abc import Sequence
from pathlib import Path

from csplade.pipelines.sources import STDIN

_STANDARD_INPUT = Path("standard input")


def source_names(paths: Sequence[Path]) -> list[str]:
    """Return the stem of each file and the name of each folder, with folders above where others have it: `en/pairs`."""
    places = [_place(path) for path in paths]
    return [_name(place, set(places) - {place}) for place in places]


def _place(path: Path) -> Path:
    if str(path) == STDIN:
        return _STANDARD_INPUT
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def _name(place: Path, others: set[Path]) -> str:
    for depth in range(1, len(place.parts)):
        name = _end(place, depth)
        if all(_end(other, depth) != name for other in others):
            return name
    # Only the ending tells it from another of the same folder.
    return place.name


def _end(place: Path, depth: int) -> str:
    stem = place.name if place.is_dir() else Path(place.name.removesuffix(".gz")).stem
    return "/".join([*place.parts[:-1], stem][-depth:])
