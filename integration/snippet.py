"""A document's text and the query's terms come in, the place where most of them meet goes out; pure.

Done here and not by the cluster's highlighter, because that knows nothing of the weights of an expansion, analyses
whole documents again, and refuses long ones.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

SNIPPET_WIDTH = 90

_WORD = re.compile(r"\w+")
_GAP = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
# Stemmers rarely leave less than this, nor take away more.
_SHORTEST_STEM, _LONGEST_ENDING = 3, 4


class _Match(NamedTuple):
    start: int
    end: int
    term: str


def one_line(text: str) -> str:
    """Return the text with single spaces for line breaks and control characters."""
    return _GAP.sub(" ", text).strip()


def words_of(text: str) -> dict[str, float]:
    """Return the words of a query that has no term weights; long words tell more than short ones."""
    return {word: float(len(word)) for word in _WORD.findall(text.lower())}


def best_snippet(text: str, terms: Mapping[str, float], width: int = SNIPPET_WIDTH) -> str:
    """Return about `width` characters around the heaviest group of different terms, else the beginning."""
    line = one_line(text)
    if len(line) <= width:
        return line
    first, last = _best_span(_matches(line, terms), terms, width)
    begin = max(0, min(first - (width - (last - first)) // 2, len(line) - width))
    end = begin + width
    # Whole words, where there are words: some languages write none.
    if begin and (space := line.find(" ", begin - 1, first)) >= 0:
        begin = space + 1
    if end < len(line) and (space := line.rfind(" ", last, end + 1)) >= 0:
        end = space
    return ("…" if begin else "") + line[begin:end].strip() + ("…" if end < len(line) else "")


def _matches(line: str, terms: Mapping[str, float]) -> list[_Match]:
    found = []
    for word in _WORD.finditer(line):
        term = _term_of(word[0].lower(), terms)
        if term is not None:
            found.append(_Match(word.start(), word.end(), term))
    return found


def _term_of(word: str, terms: Mapping[str, float]) -> str | None:
    """Return the term that the word is, or whose stem it begins with."""
    shortest = max(_SHORTEST_STEM, len(word) - _LONGEST_ENDING)
    stems = (word[:length] for length in range(len(word), shortest - 1, -1))
    candidates = (word, word[:-1] + "i") if word.endswith("y") else (word,)
    return next((stem for stem in (*candidates, *stems) if stem in terms), None)


def _best_span(matches: list[_Match], terms: Mapping[str, float], width: int) -> tuple[int, int]:
    """Return begin and end of the group of matches, not wider than `width`, whose different terms weigh most."""
    best, span = 0.0, (0, 0)
    for index, first in enumerate(matches):
        seen: set[str] = set()
        mass = 0.0
        for match in matches[index:]:
            if match.end - first.start > width:
                break
            if match.term not in seen:
                seen.add(match.term)
                mass += terms[match.term]
                if mass > best:
                    best, span = mass, (first.start, match.end)
    return span
