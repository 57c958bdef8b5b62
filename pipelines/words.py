"""Text into index words: lower case, function words out, stems; a profile's name stands in the contract.

Words are runs of letters, digits and the marks upon them, so that names, numbers and product codes are words whatever a
language model's vocabulary holds. Scripts without spaces are not split: a run of them is one word. Used for the literal
path of documents and queries and to fold vocabulary pieces into the same keys.
"""

import re
import unicodedata
from array import array
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.vocab import encode_key
from numpy.typing import NDArray

# Python's \w leaves out marks, such as the vowels of Hindi and accents that are written apart.
_MARKS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
_WORD = re.compile(rf"[^\W_]+(?:[{_MARKS}]+[^\W_]*)*")
_LONGEST = 255
"""Characters of a word; longer runs are data, not words, and no cluster takes a term of more than 32,766 bytes."""
_CACHED_WORDS = 2**15
"""Rare words come once. They go through the cache nevertheless, whose table is made anew from time to time, in other
memory: with 100,000 words that were steps of 7 MB in a program that reads for hours."""

# Articles, prepositions, pronouns, auxiliaries, question words, and the two parts of "isn't" and "it's".
_ENGLISH_FUNCTION_WORDS = frozenset(
    """
    a about after all also am an and any are aren as at be because been before being but by can could couldn d did
    didn do does doesn doing don during each either else every few for from further had hadn has hasn have haven
    having he her here hers herself him himself his how i if in into is isn it its itself just ll m may me might more
    most must mustn my myself no nor not now of off on once only or other our ours out over own re s same shall she
    should shouldn so some such t than that the their theirs them themselves then there these they this those through
    to too under until up upon us ve very was wasn we were weren what when where whether which while who whom whose
    why will with within without would wouldn you your yours yourself
    """.split()
)

# Of key codec 1, whose keys encoders and indexes hold. PyStemmer 3.0 stems the first three otherwise, 2.2 all but the
# last.
_STEMS = {
    "internal": "internal",
    "international": "internat",
    "interval": "interval",
    "university": "universiti",
    "organization": "organiz",
    "evening": "evening",
    "emergency": "emergenc",
    "biologist": "biolog",
    "lateral": "lateral",
    "paste": "paste",
    "added": "add",
    "running": "run",
}
_STEMMER = "PyStemmer"
_STEMMER_OF_CODEC = f"{_STEMMER}==3.1.*"


class Word(NamedTuple):
    """A word of a text."""

    key: str
    """Its term key, see `vocab`."""
    end: int
    """Position behind its last character."""


class Words(NamedTuple):
    """The words of a text in two columns: a text of 10 MB has two million of them, and 16 bytes for each, not 100."""

    keys: list[str]
    """Term keys, see `vocab`; each different key is one object."""
    ends: NDArray[np.int64]
    """(words,): positions behind their last characters."""


@lru_cache(maxsize=_CACHED_WORDS)
def _english(word: str) -> str | None:
    if word in _ENGLISH_FUNCTION_WORDS:
        return None
    return encode_key(_english_stemmer()(word).encode("utf-8", errors="surrogateescape"))


@lru_cache(maxsize=_CACHED_WORDS)
def _plain(word: str) -> str | None:
    return encode_key(word.encode("utf-8", errors="surrogateescape"))


@lru_cache(maxsize=1)
def _english_stemmer() -> Callable[[str], str]:
    import Stemmer

    stem: Callable[[str], str] = Stemmer.Stemmer("english").stemWord
    _check_stems(stem)
    return stem


def _check_stems(stem: Callable[[str], str]) -> None:
    """Refuse a stemmer whose terms would not be those of encoders and indexes: they would find nothing, silently."""
    for word, wanted in _STEMS.items():
        found = stem(word)
        if found != wanted:
            raise EncoderError(
                f"{_STEMMER} {_installed()} stems {word!r} to {found!r}, and in encoders and indexes its term is "
                f"{wanted!r}: install the stemmer they were made with:  pip install '{_STEMMER_OF_CODEC}'"
            )


def _installed() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(_STEMMER)
    except PackageNotFoundError:
        return "of this Python"


PROFILES: Mapping[str, Callable[[str], str | None]] = {"english": _english, "plain": _plain}
"""Lower-cased word -> term key, None for a word that is not indexed."""


def check_analysis(profile: str) -> None:
    """Look whether words can be analysed here as the profile says.

    Raises:
        EncoderError: there is no such profile, or the stemmer that is installed gives other terms.
    """
    find_words("bread", profile)


def find_words(text: str, profile: str) -> Words:
    """Return the words of a text that are indexed, in order.

    Raises:
        EncoderError: there is no such profile, or the stemmer that is installed gives other terms.
    """
    key_of = PROFILES.get(profile)
    if key_of is None:
        raise EncoderError(
            f"the word analysis {profile!r} is unknown, this csplade has {', '.join(PROFILES)}: install the csplade "
            "that wrote the encoder"
        )
    keys: list[str] = []
    ends = array("q")
    for match in _WORD.finditer(text):
        key = _key(match[0], key_of)
        if key is not None:
            keys.append(key)
            ends.append(match.end())
    return Words(keys, np.array(ends, dtype=np.int64))


def split_words(text: str, profile: str) -> list[Word]:
    """Return the words of `find_words`, one by one.

    Raises:
        EncoderError: there is no such profile.
    """
    keys, ends = find_words(text, profile)
    return [Word(key, end) for key, end in zip(keys, ends.tolist(), strict=True)]


def _key(written: str, key_of: Callable[[str], str | None]) -> str | None:
    if len(written) > _LONGEST:
        return None
    # An accented letter may be written as one character or as two.
    return key_of(written.lower() if written.isascii() else unicodedata.normalize("NFC", written.lower()))
