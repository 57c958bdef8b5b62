"""Which text of a document is encoded: that of which `csplade ingest` would make weights for the same document.

`ingest` and `reindex` join the text fields of an index into the field `text`, and `ingest` keeps none of them besides
but a title. So a document has either what somebody wrote, or `text` as csplade made it, in which the others stand.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from csplade.integration.documents import RecordError
from csplade.integration.templates import TEXT_FIELD, TITLE_FIELD
from csplade.pipelines.jsonl import kind

_Json = Mapping[str, Any]  # Any: a JSON object

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class EncodedText:
    """What is encoded of a document."""

    text: str
    copied: bool
    """Whether its field `text` is csplade's copy of other fields; otherwise it is the document's own."""


def encoded_text(source: _Json, names: Sequence[str]) -> EncodedText:
    """Return what is encoded of a document of an index with these text fields.

    Raises:
        RecordError: an object stands where text belongs.
    """
    if _is_copied(source, names):
        return EncodedText(joined(source, names), copied=True)
    read = names if TEXT_FIELD in names else [*(name for name in names if name == TITLE_FIELD), TEXT_FIELD]
    at = read.index(TEXT_FIELD)
    before, own, after = (joined(source, part) for part in (read[:at], (TEXT_FIELD,), read[at + 1 :]))
    if not _holds(own, before, after):
        own = "\n".join(filter(None, (before, own, after)))
    return EncodedText(own, copied=False)


def joined(source: Mapping[str, Any], names: Sequence[str]) -> str:  # Any: JSON values
    """Return the texts of fields, one a line; empty where there is none.

    Raises:
        RecordError: an object stands where text belongs.
    """
    return "\n".join(text for name in names for text in _texts(_value(source, name), name) if text)


def _is_copied(source: _Json, names: Sequence[str]) -> bool:
    """Say whether `text` is made of other fields of this document, which are there; a title is kept either way."""
    if TEXT_FIELD in names:
        return False
    others = [name for name in names if name != TITLE_FIELD] or names
    return TEXT_FIELD not in source or any(_stands(source, name) for name in others)


def _holds(own: str, before: str, after: str) -> bool:
    """Say whether csplade has put the other fields into this text already."""
    begins = not before or f"{own}\n".startswith(f"{before}\n")
    return begins and (not after or f"\n{own}".endswith(f"\n{after}"))


def _stands(source: Mapping[str, Any], name: str) -> bool:  # Any: JSON values
    """Say whether a document has a field of this name, be it null."""
    return _value(source, name, _ABSENT) is not _ABSENT


def _texts(value: object, name: str) -> Iterator[str]:
    """Give what a text field of a cluster takes: a text, a number, or a list of them."""
    if isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, str | int | float):
        yield str(value)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, name)
    elif value is not None:
        raise RecordError(f"has {kind(value)} in the field {name!r} where text belongs: name a field inside it")


def _value(source: Mapping[str, Any], name: str, absent: object = None) -> object:  # Any: JSON values
    """Return what stands under a name, in which dots lead into objects; of lists of objects, what stands in each."""
    if name in source:
        return source[name]
    head, _, rest = name.partition(".")
    while rest:
        inner = source.get(head)
        if isinstance(inner, Mapping):
            return _value(inner, rest, absent)
        if isinstance(inner, list):
            return [_value(one, rest) for one in inner if isinstance(one, Mapping)]
        step, _, rest = rest.partition(".")
        head = f"{head}.{step}"
    return absent
