"""Documents of callers get their weights; the bytes of all else in them stay as they are where they can; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from csplade.integration.documents import RecordError, acceptable_weights, mark_of
from csplade.integration.field_map import Coverage, FieldMap
from csplade.integration.gateway_json import UnreadJson, read_json, write_json
from csplade.integration.reindex_documents import joined
from csplade.integration.short_weights import shortened
from csplade.integration.templates import MARK_FIELD, WEIGHTS_FIELD
from csplade.pipelines.sparse import SparseVector

Json = dict[str, Any]  # Any: JSON values


@dataclass(frozen=True)
class Slot:
    """A place for weights, and the text that they are made of."""

    text: str
    """Empty: there is none."""
    field: str
    """The name in the object that gets it."""
    inside: Json | None
    """The nested object that gets it; None: the document itself."""


@dataclass(frozen=True)
class Written:
    """A document that a caller writes."""

    raw: bytes
    source: Json
    slots: tuple[Slot, ...]
    stale: tuple[Slot, ...] = ()
    """Places of weights that it brings along though it has no text for them any more."""

    @property
    def changes(self) -> bool:
        """Return whether it must not be written as it is."""
        return bool(self.slots or self.stale)


def read_document(raw: bytes, field_map: FieldMap, fingerprint: str | None = None) -> Written:
    """Return a document, and where it needs weights: not where it has no text.

    Weights that it carries are not believed: a program that reads a document, changes its text and writes all of it
    sends the old ones along. With the encoder's `fingerprint`, a mark can tell that they are of this very text.

    Raises:
        UnreadJson: it is no plain JSON object.
    """
    source = read_json(raw)
    if not isinstance(source, dict):
        raise UnreadJson("it is no JSON object")
    places = [slot for coverage in field_map.coverages for slot in _slots(source, coverage)]
    slots = (slot for slot in places if slot.text and not _marked(source, slot, fingerprint))
    stale = (slot for slot in places if not slot.text and _value(_holder(source, slot), slot.field) is not None)
    return Written(raw, source, tuple(slots), tuple(stale))


def touches_text(part: Json, field_map: FieldMap) -> bool:
    """Return whether a part of a document has fields whose text weights are made of."""
    names = [name for coverage in field_map.coverages for name in (*coverage.texts, coverage.nested or "") if name]
    return any(_meet(path, name) for path in _paths(part) for name in names)


def _paths(part: Json, before: str = "") -> Iterator[str]:
    """Give the dotted paths of all values that are no objects with something in them."""
    for name, value in part.items():
        if isinstance(value, dict) and value:
            yield from _paths(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def _meet(path: str, name: str) -> bool:
    """Return whether a value at a path is that of a field, or of what holds it, or of a part of it."""
    return fnmatchcase(path, name) or name.startswith(f"{path}.") or path.startswith(f"{name}.")


def with_weights(written: Written, vectors: Sequence[SparseVector], fingerprint: str | None) -> bytes:
    """Return the document with the vectors of its slots, marked as encoded by the encoder if its fingerprint is given.

    Raises:
        EncoderError: a term key has a dot, which no query would find.
    """
    own: Json = {}
    # Before others are added, as no name may stand there twice; an old mark is about old weights.
    others = [_dropped(source, name) for source, name in _old(written)]
    for slot, vector in zip(written.slots, vectors, strict=True):
        target = own if slot.inside is None else slot.inside
        if weights := shortened(acceptable_weights(vector)):
            target[slot.field] = weights
        if fingerprint is not None and _of_whole(slot):
            own[MARK_FIELD] = mark_of(fingerprint, slot.text)
    if any(others) or any(slot.inside is not None for slot in written.slots):
        return write_json({**written.source, **own})
    if not own:
        return written.raw
    # The caller's own bytes stay: a number goes on being written as it was.
    return written.raw.rstrip()[:-1] + b"," + write_json(own)[1:]


def _old(written: Written) -> Iterator[tuple[Json, str]]:
    """Give the places of what new weights stand for, if it is there."""
    for slot in (*written.slots, *written.stale):
        yield _holder(written.source, slot), slot.field
        if _of_whole(slot):
            yield written.source, MARK_FIELD


def _holder(source: Json, slot: Slot) -> Json:
    return source if slot.inside is None else slot.inside


def _of_whole(slot: Slot) -> bool:
    """Return whether a mark tells of its weights."""
    return slot.inside is None and slot.field == WEIGHTS_FIELD


def _marked(source: Json, slot: Slot, fingerprint: str | None) -> bool:
    """Return whether a document says that the encoder made the weights that it carries of the text that it carries."""
    known = fingerprint is not None and _of_whole(slot) and _value(source, slot.field) is not None
    return known and source.get(MARK_FIELD) == mark_of(fingerprint or "", slot.text)


def _slots(source: Json, coverage: Coverage) -> Iterator[Slot]:
    """Give the places for the weights of one coverage."""
    nested = coverage.nested
    prefix = 0 if nested is None else len(nested) + 1
    names = [name[prefix:] for name in coverage.texts if "*" not in name]
    field = coverage.weights[prefix:]
    for each in [source] if nested is None else _objects(_value(source, nested)):
        try:
            text = joined(each, names)
        except RecordError as error:
            raise UnreadJson(str(error)) from error
        if text or _emptied(each, [name[prefix:] for name in coverage.texts]):
            yield Slot(text, field, None if nested is None else each)


def _emptied(source: Json, names: Sequence[str]) -> bool:
    """Return whether a document without text has the fields of it; who leaves them out may have weights of its own."""
    paths = [*_paths(source)]
    # What a pattern covers may be text, which is not looked for here.
    unread = any(fnmatchcase(path, name) for path in paths for name in names if "*" in name)
    return not unread and any(_meet(path, name) for path in paths for name in names)


def _objects(value: object) -> list[Json]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _value(source: Json, path: str) -> object:
    """Return what a field holds, whether its name is written with dots or as objects in each other."""
    if path in source:
        return source[path]
    first, _, rest = path.partition(".")
    inner = source.get(first)
    return _value(inner, rest) if rest and isinstance(inner, dict) else None


def _dropped(source: Json, path: str) -> bool:
    """Take a field out of an object, however its name is written; return whether it was there."""
    found = path in source
    source.pop(path, None)
    first, _, rest = path.partition(".")
    inner = source.get(first)
    return (_dropped(inner, rest) if rest and isinstance(inner, dict) else False) or found
