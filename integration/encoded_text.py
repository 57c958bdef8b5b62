"""Which text of a document is encoded: that of which `csplade ingest` would make weights for the same document.

`ingest` and `reindex` join the text fields of an index into the field `text`, and `ingest` keeps none of them besides
but a title. So a document has either what somebody wrote, or `text` as csplade made it, in which the others stand;
`text_copy` tells them apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from csplade.integration.documents import Document, RecordError
from csplade.integration.templates import MARK_FIELD, TEXT_FIELD, TITLE_FIELD
from csplade.integration.text_copy import Part, copy_mark, joined_parts, parts_of
from csplade.pipelines.jsonl import kind

_Json = Mapping[str, Any]  # Any: a JSON object

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class EncodedText:
    """What is encoded of a document."""

    text: str
    parts: tuple[Part, ...] = ()
    """Of which its field `text` is, or is to be, csplade's copy; none where that is the document's own."""


def encoded_text(source: _Json, names: Sequence[str]) -> EncodedText:
    """Return what is encoded of a document of an index with these text fields.

    Raises:
        RecordError: an object stands where text belongs.
    """
    parts = parts_of(source)
    # Who names `text` although csplade made it of others wants it as it is.
    if parts and (TEXT_FIELD not in names or any(one.name == TEXT_FIELD for one in parts)):
        return _copy(_renewed(parts, source, names))
    if TEXT_FIELD not in names and TEXT_FIELD not in source:
        return _copy(_parts(source, names))
    if _read_beside(source, names):
        return EncodedText(joined(source, names))
    read = names if TEXT_FIELD in names else [*(name for name in names if name == TITLE_FIELD), TEXT_FIELD]
    at = read.index(TEXT_FIELD)
    before, own, after = (joined(source, part) for part in (read[:at], (TEXT_FIELD,), read[at + 1 :]))
    if not _holds(own, before, after):
        own = "\n".join(filter(None, (before, own, after)))
    return EncodedText(own)


def marked(document: Document, fingerprint: str, names: Sequence[str]) -> Document:
    """Return a document with the mark of the encoder and of its text, which was made of these fields of its record."""
    mark = copy_mark(fingerprint, document.text, _parts_made(document, names))
    return replace(document, fields={**(document.fields or {}), MARK_FIELD: mark})


def joined(source: Mapping[str, Any], names: Sequence[str]) -> str:  # Any: JSON values
    """Return the texts of fields, one a line; empty where there is none.

    Raises:
        RecordError: an object stands where text belongs.
    """
    return "\n".join(text for name in names for text in _texts(_value(source, name), name) if text)


def stands(source: _Json, name: str) -> bool:
    """Say whether a document has a field of this name, be it null."""
    return _value(source, name, _ABSENT) is not _ABSENT


def _parts_made(document: Document, names: Sequence[str]) -> tuple[Part, ...]:
    """Return of which parts of its record the text of a document was made; none where that is not known."""
    record = document.record
    if record is None or not names:
        return ()
    try:
        parts = _parts(record, names)
        if joined_parts(parts) != document.text:
            # Of an index of ours: what stands in its copy alone is in no other field.
            parts = encoded_text(record, names).parts
    except RecordError:
        # An object under a name with dots, which is no text field of a record.
        return ()
    if joined_parts(parts) != document.text:
        return ()
    there = {**(document.fields or {}), **({} if document.title is None else {TITLE_FIELD: document.title})}
    return tuple(replace(one, kept=stands(there, one.name)) for one in parts)


def _copy(parts: tuple[Part, ...]) -> EncodedText:
    return EncodedText(joined_parts(parts), parts)


def _parts(source: _Json, names: Sequence[str]) -> tuple[Part, ...]:
    return tuple(Part(name, joined(source, (name,)), stands(source, name)) for name in names)


def _renewed(parts: Sequence[Part], source: _Json, names: Sequence[str]) -> tuple[Part, ...]:
    """Return the parts of a copy as the fields of its document are now; what stands in the copy alone stays."""
    alone = {one.name: one for one in parts if _is_alone(one, source)}
    order = [name for name in names if name in alone or name != TEXT_FIELD]
    order += [one.name for one in parts if one.name in alone and one.name not in names]
    return tuple(alone[name] if name in alone else _parts(source, (name,))[0] for name in order)


def _is_alone(part: Part, source: _Json) -> bool:
    """Say whether a part is nowhere else in its document; a field that was there and was taken away is gone."""
    return part.name == TEXT_FIELD or (bool(part.text) and not part.kept and not stands(source, part.name))


def _read_beside(source: _Json, names: Sequence[str]) -> bool:
    """Say whether a document has text fields beside `text`; a title may stand beside either."""
    others = [name for name in names if name != TITLE_FIELD] or names
    return TEXT_FIELD not in names and any(stands(source, name) for name in others)


def _holds(own: str, before: str, after: str) -> bool:
    """Say whether csplade has put the other fields into this text already."""
    begins = not before or f"{own}\n".startswith(f"{before}\n")
    return begins and (not after or f"\n{own}".endswith(f"\n{after}"))


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
