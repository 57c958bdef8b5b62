"""Documents of callers get their weights; the bytes of all else in them stay as they are where they can; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from csplade.integration.documents import RecordError, acceptable_weights, mark_of
from csplade.integration.encoded_text import joined
from csplade.integration.field_map import Coverage, FieldMap
from csplade.integration.gateway_json import UnreadJson, read_object, write_json
from csplade.integration.gateway_paths import Json, dropped, held, meet, objects_at, paths_of
from csplade.integration.short_weights import shortened
from csplade.integration.templates import MARK_FIELD, SEISMIC_FIELD, WEIGHTS_FIELD
from csplade.integration.text_copy import is_mark_of
from csplade.pipelines.sparse import SparseVector


@dataclass(frozen=True)
class Aim:
    """How documents of one index are written."""

    field_map: FieldMap
    fingerprint: str | None = None
    """That documents are marked with; None: the index has no place for it; empty: no encoder could be opened."""
    numbered: bool = False
    """Whether the index holds weights by number as well: both are left to `csplade enrich`."""


@dataclass(frozen=True)
class Texts:
    """A coverage as it is seen from the objects that hold its text and its weights."""

    field: str
    names: tuple[str, ...]
    """Of the fields that weights are made of, in order."""
    patterns: tuple[str, ...]
    """What these cover may be text, which is not looked for here."""

    @classmethod
    def of(cls, coverage: Coverage) -> "Texts":
        """Return it without the path of nested objects."""
        prefix = 0 if coverage.nested is None else len(coverage.nested) + 1
        names = [name[prefix:] for name in coverage.texts]
        plain = tuple(name for name in names if "*" not in name)
        return cls(coverage.weights[prefix:], plain, tuple(name for name in names if "*" in name))

    def joined(self, source: Json) -> str:
        """Return the text that weights are made of; empty: there is none.

        Raises:
            UnreadJson: an object stands where text belongs.
        """
        try:
            return joined(source, self.names)
        except RecordError as error:
            raise UnreadJson(str(error)) from error

    def emptied(self, source: Json) -> bool:
        """Return whether an object without text has the fields of it; without them it may have weights of its own."""
        paths = [*paths_of(source)]
        unread = any(fnmatchcase(path, name) for path in paths for name in self.patterns)
        return not unread and any(meet(path, name) for path in paths for name in (*self.names, *self.patterns))


@dataclass(frozen=True)
class Slot:
    """A place for weights, and the text that they are made of."""

    text: str
    """Empty: there is none."""
    field: str
    """The name in the object that gets it."""
    inside: Json | None
    """The nested object that gets it; None: the document itself."""

    def holder(self, source: Json) -> Json:
        """Return the object that gets it."""
        return source if self.inside is None else self.inside

    @property
    def told(self) -> bool:
        """Return whether a mark tells of its weights."""
        return self.inside is None and self.field == WEIGHTS_FIELD


@dataclass(frozen=True)
class Written:
    """A whole document that a caller writes."""

    raw: bytes
    source: Json
    aim: Aim
    slots: tuple[Slot, ...]
    stale: tuple[Slot, ...] = ()
    """Places of weights that it brings along though it has no text for them any more."""

    @property
    def left(self) -> bool:
        """Return whether its weights are made later."""
        return self.aim.numbered and bool(self.slots)

    @property
    def texts(self) -> list[str]:
        """Return what has to be encoded."""
        return [] if self.aim.numbered else [slot.text for slot in self.slots]

    @property
    def changes(self) -> bool:
        """Return whether it must not be written as it is."""
        return self.bare() != self.raw if self.aim.numbered else bool(self.slots or self.stale)

    def weighted(self, vectors: Sequence[SparseVector]) -> bytes:
        """Return the document with the vectors of its texts, marked as encoded if the index has a place for it.

        Nested objects get theirs in `source` itself.

        Raises:
            EncoderError: a term key has a dot, which no query would find.
        """
        if self.aim.numbered:
            return self.bare()
        own: Json = {}
        # Before others are added, as no name may stand there twice; an old mark is about old weights.
        others = self._drop()
        for slot, vector in zip(self.slots, vectors, strict=True):
            target = own if slot.inside is None else slot.inside
            if weights := weights_to_write(vector):
                target[slot.field] = weights
            if slot.told and self.aim.fingerprint is not None:
                own[MARK_FIELD] = mark_of(self.aim.fingerprint, slot.text)
        if others or any(slot.inside is not None for slot in self.slots):
            return write_json({**self.source, **own})
        # The caller's own bytes stay: a number goes on being written as it was.
        return self.raw.rstrip()[:-1] + b"," + write_json(own)[1:] if own else self.raw

    def bare(self) -> bytes:
        """Return the document without the old weights that it brings along, and without their mark."""
        fresh = read_document(self.raw, self.aim)
        return write_json(fresh.source) if fresh._drop() else self.raw

    def _drop(self) -> bool:
        """Take out what new weights stand for; return whether there was something."""
        found = False
        for slot in (*self.slots, *self.stale):
            found |= dropped(slot.holder(self.source), slot.field)
            for name in (MARK_FIELD, SEISMIC_FIELD) if slot.told else ():
                found |= dropped(self.source, name)
        return found


def read_document(raw: bytes, aim: Aim) -> Written:
    """Return a document, and where it needs weights: not where it has no text.

    Weights that it carries are not believed: a program that reads a document, changes its text and writes all of it
    sends the old ones along. With the encoder's fingerprint, a mark can tell that they are of this very text.

    Raises:
        UnreadJson: it is no plain JSON object.
    """
    source = read_object(raw)
    places = [slot for coverage in aim.field_map.coverages for slot in _slots(source, coverage)]
    slots = (slot for slot in places if slot.text and not _marked(source, slot, aim))
    stale = (slot for slot in places if not slot.text and held(slot.holder(source), slot.field))
    return Written(raw, source, aim, tuple(slots), tuple(stale))


def weights_to_write(vector: SparseVector) -> dict[str, float]:
    """Return a vector as it stands in a document; empty: the document has no weights.

    Raises:
        EncoderError: a term key has a dot, which no query would find.
    """
    return shortened(acceptable_weights(vector))


def _marked(source: Json, slot: Slot, aim: Aim) -> bool:
    """Return whether a document says that the encoder made the weights that it carries of the text that it carries."""
    if not aim.fingerprint or not slot.told or not held(source, slot.field):
        return False
    return is_mark_of(source.get(MARK_FIELD), aim.fingerprint, slot.text)


def _slots(source: Json, coverage: Coverage) -> Iterator[Slot]:
    """Give the places for the weights of one coverage."""
    texts = Texts.of(coverage)
    for each in [None] if coverage.nested is None else [inner for inner, _ in objects_at(source, coverage.nested)]:
        text = texts.joined(source if each is None else each)
        if text or texts.emptied(source if each is None else each):
            yield Slot(text, texts.field, each)
