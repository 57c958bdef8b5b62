"""Query strings come in, the free text in them goes out: what a person would look for, without operators; pure.

Two languages: that of `query_string` and that of `simple_query_string`. What stands under a negation, behind a field's
name or is cut off by a wildcard is no free text. A string whose reading is in doubt is not read at all.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LUCENE = re.compile(
    r"""
    (?P<space>\s+)
    | "(?P<phrase>[^"]*)"(?:~\d+)?(?:\^[\d.]+)?
    | (?P<open>\()
    | (?P<close>\)(?:\^[\d.]+)?)
    | (?P<not>[-!])
    | (?P<join>\+|&&|\|\|)
    | (?P<field>[^\s"():^~*?!+\-]+:)
    | (?P<word>[^\s"():^~*?!+\-][^\s"():^~*?!]*)(?P<mark>[~*?^][^\s"():]*)?
    | (?P<wild>[*?][^\s"():]*)
    """,
    re.VERBOSE,
)
# A hyphen excludes what stands right behind it, and one takes another back. No other white space parts words here.
_SIMPLE = re.compile(
    r"""
    (?P<space>(?:[ \t\n\r]|--|-(?=[ \t\n\r+|)]|$))+)
    | "(?P<phrase>[^"]*)"(?:~\d+)?
    | (?P<open>\()
    | (?P<close>\))
    | (?P<not>-)
    | (?P<join>[+|])
    | (?P<word>[^ \t\n\r"()+|*~-][^ \t\n\r"()+|*~]*)(?:(?P<plus>\++(?=[\s,.;:!?)]|$))|(?P<mark>[~*][^ \t\n\r"()+|]*))?
    | (?P<wild>[*~][^ \t\n\r"()+|]*)
    """,
    re.VERBOSE,
)
# Escapes, regular expressions, ranges.
_DOUBTFUL: Mapping[str, str] = {"query_string": "\\/[]{}<>=", "simple_query_string": "\\"}
_TOKENS = {"query_string": _LUCENE, "simple_query_string": _SIMPLE}
_WORD_OPERATORS: Mapping[str, Mapping[str, str]] = {
    "query_string": {"AND": "join", "OR": "join", "NOT": "not"},
    "simple_query_string": {},
}


@dataclass(frozen=True, slots=True)
class FreeText:
    """The free text of a query string."""

    text: str
    plain: bool
    """There is nothing else in the string."""


def free_text(language: str, text: str) -> FreeText | None:
    """Return the free text of a `query_string` or `simple_query_string`; None if its reading is in doubt."""
    if any(character in text for character in _DOUBTFUL[language]):
        return None
    reader = _Reader()
    for kind, word in _tokens(language, text):
        if not reader.take(kind, word):
            return None
    if reader.open_groups:
        return None
    return FreeText(text if reader.plain else " ".join(reader.words), reader.plain)


def _tokens(language: str, text: str) -> Iterator[tuple[str, str]]:
    """Give kind and text of each token; what fits none is of the kind `unknown`."""
    place, operators = 0, _WORD_OPERATORS[language]
    while place < len(text):
        found = _TOKENS[language].match(text, place)
        if found is None:
            yield "unknown", text[place:]
            return
        place = found.end()
        parts = found.groupdict()
        if parts["word"] is None:
            yield next((kind, value) for kind, value in parts.items() if value is not None)
        elif parts.get("plus"):
            # An operator to the server; to a person it may be part of a name, such as C++.
            yield "marked", parts["word"] + parts["plus"]
        elif not parts["mark"]:
            yield operators.get(parts["word"], "word"), parts["word"]
        else:
            # A question ends with a question mark, which is a wildcard to the server and none to a person.
            harmless = parts["mark"].startswith("^") or not parts["mark"].strip("?")
            yield "marked" if harmless else "wild", parts["word"]


class _Reader:
    """Keeps what is free text, and knows what the next token belongs to."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.plain = True
        self.open_groups: list[bool] = []
        """For each group that is open, whether it is excluded."""
        self._excludes_next = False

    def take(self, kind: str, word: str) -> bool:
        """Take one token; False if it makes no sense here."""
        if kind == "space":
            return True
        self.plain = self.plain and kind == "word"
        if kind in ("not", "field"):
            self._excludes_next = True
        elif kind == "open":
            self.open_groups.append(self._excluded())
        elif kind == "close":
            self._excludes_next = False
            if not self.open_groups:
                return False
            self.open_groups.pop()
        elif kind != "join" and not self._excluded() and kind != "wild":
            self.words.append(word)
        return kind != "unknown"

    def _excluded(self) -> bool:
        """Say whether the token at hand is excluded, and forget what was said about it alone."""
        alone, self._excludes_next = self._excludes_next, False
        return alone or bool(self.open_groups and self.open_groups[-1])
