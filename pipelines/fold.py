"""Which vocabulary pieces can be expansion terms, and which term key each stands for; pure.

In the term space `pieces` each piece is a term of its own. In `words`, pieces that are whole words, a leading space and
three lower-case letters a-z or more, fold into the key of their stem, so that expansion and literal path share one key
space. Fragments and function words are left out: they carry no topic. So are words with other letters.
"""

import math
import re
from dataclasses import dataclass
from itertools import chain, count

import numpy as np
from csplade.pipelines.pieces import Rank, piece_bytes
from csplade.pipelines.vocab import encode_key
from csplade.pipelines.words import split_words
from numpy.typing import NDArray
from tokenizers import Tokenizer

_WHOLE_WORD = re.compile(rb" [a-z]{3,}")


@dataclass(frozen=True)
class Fold:
    """Vocabulary pieces and the terms they fold into."""

    pieces: NDArray[np.int64]
    """(pieces,): vocabulary ids, ascending."""
    terms: tuple[str, ...]
    """Term keys, ascending; of `every_piece`, by vocabulary id."""
    groups: NDArray[np.int64]
    """(terms, largest group): positions in `pieces`; `len(pieces)` where a group is smaller."""

    @property
    def is_identity(self) -> bool:
        """Look whether each piece is the term of its own place, so that there is nothing to fold."""
        return self.groups.shape == (len(self.pieces), 1) and bool((self.groups[:, 0] == range(len(self.pieces))).all())


def every_piece(tokenizer: Tokenizer) -> Fold:
    """Return the fold in which each vocabulary id, special tokens among them, is a term with a key of its own.

    A key is that of the piece's bytes (`pieces`). Where two pieces have the same bytes, such as SentencePiece's `A` and
    `<0x41>`, text comes before bytes and bytes before special tokens; the later one is spelled as in the vocabulary.
    Ids that the tokenizer leaves out are called `<id-N>`.
    """
    found = piece_bytes(tokenizer)
    spelled = {number: piece for piece, number in tokenizer.get_vocab().items()}
    size = max(found, default=-1) + 1
    keys: dict[str, int] = {}
    for number in sorted(range(size), key=lambda number: (found[number][0] if number in found else math.inf, number)):
        names = (found[number][1], spelled[number].encode()) if number in found else ()
        spare = (f"<id-{number}>{'+' * extra}".encode() for extra in count())
        keys[next(key for key in map(encode_key, chain(names, spare)) if key not in keys)] = number
    ids = np.arange(size, dtype=np.int64)
    return Fold(ids, tuple(sorted(keys, key=keys.__getitem__)), ids[:, None])


def fold_vocabulary(tokenizer: Tokenizer, profile: str) -> Fold:
    """Return the fold of a vocabulary's whole words, of whatever kind it is (`pieces`), under a profile of `words`."""
    keys: dict[int, str] = {}
    for number, (rank, content) in piece_bytes(tokenizer).items():
        if rank is Rank.TEXT and _WHOLE_WORD.fullmatch(content):
            words = split_words(content[1:].decode(), profile)
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
