"""What the sources of a training are called: paths in, names out that differ where paths do."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from csplade.pipelines.sources import STDIN

_STANDARD_INPUT = Path("standard input")


def source_names(paths: Sequence[Path]) -> list[str]:
    """Return the stem of each file and the name of each folder, with folders above where others have it: `en/pairs`."""
    places = [_place(path) for path in paths]
    parts = {place: (*place.parts[:-1], _stem(place)) for place in places}
    # Where only the ending tells it from another of the same folder, its whole name.
    names = {place: place.name for place in places}
    left = set(places)
    for depth in range(1, max(map(len, parts.values()), default=0)):
        ends = {place: "/".join(own[-depth:]) for place, own in parts.items()}
        often = Counter(ends.values())
        found = {place: ends[place] for place in left if often[ends[place]] == 1 and depth < len(parts[place])}
        names.update(found)
        left -= found.keys()
    return [names[place] for place in places]


def _place(path: Path) -> Path:
    if str(path) == STDIN:
        return _STANDARD_INPUT
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def _stem(place: Path) -> str:
    return place.name if place.is_dir() else Path(place.name.removesuffix(".gz")).stem
