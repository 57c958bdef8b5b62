"""A field `text` that csplade made of other fields, told from one that somebody wrote; pure.

The mark of a document whose `text` is such a copy says after the digest of what parts it was joined: in
`…:title=3,body!9` the first 3 characters are those of the field `title`, which the document has besides, and of `body`
the other 9 stand in `text` alone. So one part can be replaced, and none is lost. Where the digest is not that of
`text`, somebody has written it since, and it is no copy any more.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from csplade.integration.documents import mark_of
from csplade.integration.templates import MARK_FIELD, TEXT_FIELD

_KEPT, _ALONE = "=", "!"
_PART = re.compile(rf"([^,]+)([{_KEPT}{_ALONE}])(\d+)")


@dataclass(frozen=True, slots=True)
class Part:
    """What a copy has of one field."""

    name: str
    text: str
    """Empty: nothing."""
    kept: bool
    """Whether the document has the field besides."""


def copy_mark(fingerprint: str, text: str, parts: Sequence[Part]) -> str:
    """Return the mark of a document whose weights were made of this text; with parts, its `text` is their copy."""
    told = ",".join(f"{_quoted(one.name)}{_KEPT if one.kept else _ALONE}{len(one.text)}" for one in parts)
    return f"{mark_of(fingerprint, text)}:{told}" if told else mark_of(fingerprint, text)


def is_mark_of(mark: object, fingerprint: str, text: str) -> bool:
    """Say whether the mark of a document is that of an encoder and a text, whatever it says of parts."""
    return isinstance(mark, str) and mark.partition(":")[0] == mark_of(fingerprint, text)


def parts_of(source: Mapping[str, Any]) -> tuple[Part, ...]:  # Any: JSON values
    """Return of what parts the `text` of a document is csplade's copy; none where it is not, or not any more."""
    mark, text = source.get(MARK_FIELD), source.get(TEXT_FIELD)
    if not isinstance(mark, str) or not isinstance(text, str):
        return ()
    made, _, told = mark.partition(":")
    if not told or not is_mark_of(mark, made.rpartition("-")[0], text):
        return ()
    found = [_PART.fullmatch(one) for one in told.split(",")]
    parts, begin = [], 0
    for one in filter(None, found):
        end = begin + int(one[3])
        parts.append(Part(unquote(one[1]), text[begin:end], one[2] == _KEPT))
        begin = end + (end > begin)
    # A mark of another make is none that could be relied on.
    return tuple(parts) if None not in found and joined_parts(parts) == text else ()


def joined_parts(parts: Iterable[Part]) -> str:
    """Return the text that is made of parts, one below the other."""
    return "\n".join(one.text for one in parts if one.text)


def _quoted(name: str) -> str:
    return quote(name, safe="", errors="surrogatepass")
