"""Which text fields of an index are covered by which field of term weights; pure.

A text field is covered where the encoder's vectors of its text, alone or together with other fields, are stored in the
weights field. What lies inside nested objects has its weights inside them too, or none.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from csplade.integration.templates import TEXT_FIELD, TITLE_FIELD, WEIGHTS_FIELD
from csplade.pipelines.errors import UsageError

_LAST = re.compile(r"(?:^|[._])(?P<part>[^._]*)$")
# Names by custom of the fields beside a text that hold it whole, for filters and sorting: they are matched exactly.
_EXACT = frozenset({"keyword", "raw", "exact", "sort"})
# As searches and index.query.default_field write one.
_BOOSTED = re.compile(r"\^[\d.]+$")


@dataclass(frozen=True)
class Coverage:
    """One weights field and the text fields whose text went into it.

    Raises:
        UsageError: a name is empty or holds a boost, a boost is no positive number, or the weights lie outside their
            nested objects.
    """

    weights: str
    texts: Mapping[str, float]
    """Boost by text field; a name may hold `*` for any characters, which covers no name of exact text."""
    nested: str | None = None
    """Path of the nested objects that hold text and weights; None: the document itself."""

    def __post_init__(self) -> None:
        if not self.weights or not self.texts or not all(self.texts):
            raise UsageError(f"{self.weights!r} covers {[*self.texts]}: name the weights field and its text fields")
        _check_unboosted(self.texts)
        for name, boost in self.texts.items():
            if not 0 < boost < math.inf:
                raise UsageError(f"{name!r} has the boost {boost}: give a positive number")
        if self.nested is not None:
            outside = [name for name in (self.weights, *self.texts) if not name.startswith(f"{self.nested}.")]
            if outside:
                raise UsageError(f"{outside[0]!r} is not inside {self.nested!r}: write it as {self.nested}.NAME")


@dataclass(frozen=True, slots=True)
class Covered:
    """The weights of one text field."""

    weights: str
    boost: float


@dataclass(frozen=True)
class FieldMap:
    """What is covered in one index; the first coverage that names a field counts.

    Raises:
        UsageError: a default field holds a boost.
    """

    coverages: tuple[Coverage, ...] = ()
    default_fields: tuple[str, ...] = ()
    """Fields of a query that names none, as in the index's setting `index.query.default_field`, but without boosts."""

    def __post_init__(self) -> None:
        _check_unboosted(self.default_fields)

    def covering(self, field: str, nested: str | None) -> Covered | None:
        """Return what covers a field that is asked for inside these nested objects.

        A pattern of fields is covered by nothing: which fields fit it only the mapping knows, and one of them may be
        exact text, whatever it is called.
        """
        if "*" in field:
            return None
        for coverage in self.coverages:
            if coverage.nested != nested:
                continue
            for name, boost in coverage.texts.items():
                if matches(name, field) and ("*" not in name or not _exact(field)):
                    return Covered(coverage.weights, boost)
        return None

    def touched_by(self, field: str) -> bool:
        """Say whether a field that a search defines anew is, holds, or lies inside a covered text or its weights."""
        known = [name for coverage in self.coverages for name in (coverage.weights, *coverage.texts)]
        return any(
            matches(name, field) or field.startswith(f"{name}.") or name.startswith(f"{field}.") for name in known
        )


def _check_unboosted(names: Iterable[str]) -> None:
    for name in names:
        if _BOOSTED.search(name):
            raise UsageError(
                f"{name!r} is a field with a boost: write {_BOOSTED.sub('', name)!r} here; the boosts of text fields "
                "stand in `covers`, as { title = 2.0, text = 1.0 }"
            )


def _exact(name: str) -> bool:
    """Say whether a name ends as those of exact text do; no mapping is known here."""
    last = _LAST.search(name.lower())
    return last is not None and last["part"] in _EXACT


def matches(pattern: str, name: str) -> bool:
    """Say whether a name fits a pattern in which `*` stands for any characters."""
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


OWN_INDEX = FieldMap(
    (Coverage(WEIGHTS_FIELD, {TITLE_FIELD: 1.0, TEXT_FIELD: 1.0}),), default_fields=(TITLE_FIELD, TEXT_FIELD)
)
"""An index as `csplade ingest` makes it: its weights are those of title and text together."""
