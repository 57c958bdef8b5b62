"""Which vocabulary pieces can be expansion terms, and which term key each stands for; pure.

Pieces that are whole words, a leading space and letters only, fold into the key of their stem, so that expansion and
literal path share one key space. Fragments and function words are left out: they carry no topic.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from csplade.pipelines.words import split_words
from numpy.typing import NDArray

_SPACE = "Ġ"
"""How byte-level vocabularies write a leading space."""
_WHOLE_WORD = re.compile(rf"{_SPACE}[a-z]{{3,}}")


@dataclass(frozen=True)
class Fold:
    """Vocabulary pieces and the terms they fold into."""

    pieces: NDArray[np.int64]
    """(pieces,): vocabulary ids, ascending."""
    terms: tuple[str, ...]
    """Term keys, ascending."""
    groups: NDArray[np.int64]
    """(terms, largest group): positions in `pieces`; `len(pieces)` where a group is smaller."""


def fold_vocabulary(vocabulary: Mapping[str, int], profile: str) -> Fold:
    """Return the fold of a byte-level vocabulary (piece -> id) under a profile of `words`."""
    keys: dict[int, str] = {}
    for piece, number in sorted(vocabulary.items(), key=lambda item: item[1]):
        if _WHOLE_WORD.fullmatch(piece):
            words = split_words(piece[1:], profile)
            if words:
                keys[number] = words[0].key
    pieces = np.array(list(keys), dtype=np.int64)
    terms = tuple(sorted(set(keys.values())))
    members: dict[str, list[int]] = {term: [] for term in terms}
    for position, key in enumerate(keys.values()):
        members[key].append(position)
    groups = np.full((len(terms), max(map(len, members.values()), default=0)), len(pieces), dtype=np.int64)
    for row, term in enumerate(terms):
        groups[row, : len(members[term])] = members[term]
    return Fold(pieces, terms, groups)
