"""Parts of documents that callers send to `_update`: what the weights of the whole are afterwards; pure.

A cluster merges objects and replaces lists, so weights that take the place of all old ones are a list of one object,
and an empty list where they can only be made later: some of the text is in the cluster alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from csplade.integration.documents import mark_of
from csplade.integration.field_map import Coverage
from csplade.integration.gateway_documents import Aim, Texts, Written, read_document, weights_to_write
from csplade.integration.gateway_json import UnreadJson, read_json, read_object, write_json
from csplade.integration.gateway_paths import Json, dropped, meet, objects_at, paths_of, replaced
from csplade.integration.templates import MARK_FIELD, SEISMIC_FIELD, WEIGHTS_FIELD
from csplade.pipelines.sparse import SparseVector


@dataclass(frozen=True)
class Place:
    """Where weights belong in a part of a document."""

    text: str | None
    """That they are made of, empty if there is none; None: some of it is only in the cluster."""
    field: str
    holder: Json
    """The object that gets them."""
    whole: bool
    """Whether it takes the place of what is there, else it is merged into that."""
    told: bool
    """Whether a mark tells of them."""


@dataclass(frozen=True)
class Update:
    """The body of an update that a caller sends; a script passes, whatever it does."""

    raw: bytes
    body: Json
    aim: Aim
    places: tuple[Place, ...]
    """In its `doc`."""
    upsert: Written | None
    """The document that it makes if there is none."""

    @property
    def texts(self) -> list[str]:
        """Return what has to be encoded."""
        if self.aim.numbered:
            return []
        own = [place.text for place in self.places if place.text]
        return [*own, *(self.upsert.texts if self.upsert is not None else ())]

    @property
    def changes(self) -> bool:
        """Return whether it must not be sent as it is."""
        return bool(self.places) or (self.upsert is not None and self.upsert.changes)

    @property
    def left(self) -> bool:
        """Return whether some of the weights can only be made later."""
        later = any(place.text is None or self.aim.numbered for place in self.places)
        return later or "script" in self.body or (self.upsert is not None and self.upsert.left)

    def weighted(self, vectors: Sequence[SparseVector]) -> bytes:
        """Return the body with the vectors of its texts, each in the place of all weights that are there.

        The `doc` is changed itself.

        Raises:
            EncoderError: a term key has a dot, which no query would find.
        """
        if self.aim.numbered:
            return self.bare()
        waiting = iter(vectors)
        self._fill([next(waiting) if place.text else None for place in self.places])
        return self._body(None if self.upsert is None else self.upsert.weighted([*waiting]))

    def bare(self) -> bytes:
        """Return the body without weights, so that those of the old text are taken out, and without a mark."""
        if not self.changes:
            return self.raw
        fresh = read_update(self.raw, self.aim)
        fresh._fill([None] * len(fresh.places))
        return fresh._body(None if fresh.upsert is None else fresh.upsert.bare())

    def _fill(self, vectors: Sequence[SparseVector | None]) -> None:
        for place, vector in zip(self.places, vectors, strict=True):
            dropped(place.holder, place.field)
            weights = {} if vector is None else weights_to_write(vector)
            if not place.whole:
                place.holder[place.field] = [weights] if weights else []
            elif weights:
                place.holder[place.field] = weights
            if place.told:
                self._mark(place, vector is not None)
                if self.aim.numbered:
                    place.holder[SEISMIC_FIELD] = []

    def _mark(self, place: Place, weighted: bool) -> None:
        dropped(place.holder, MARK_FIELD)
        if self.aim.fingerprint is not None:
            mark = mark_of(self.aim.fingerprint, place.text) if weighted and place.text else None
            place.holder[MARK_FIELD] = mark

    def _body(self, upsert: bytes | None) -> bytes:
        if upsert is None:
            return write_json(self.body)
        replaced_by_it = ("doc_as_upsert", "upsert") if _is_true(self.body, "doc_as_upsert") else ("upsert",)
        rest = {name: value for name, value in self.body.items() if name not in replaced_by_it}
        return write_json({**rest, "upsert": read_json(upsert)})


def read_update(raw: bytes, aim: Aim) -> Update:
    """Return the body of an update, and where its weights change.

    Raises:
        UnreadJson: it is no plain JSON object, or not of the form that clusters take.
    """
    body = read_object(raw)
    odd = next((name for name in ("doc", "upsert") if not isinstance(body.get(name, {}), dict)), None)
    if odd is not None:
        raise UnreadJson(f"{odd} is no object")
    part = body.get("doc")
    places = tuple(place for coverage in aim.field_map.coverages for place in _places(part, coverage))
    return Update(raw, body, aim, places, _upsert(body, aim, bool(places)))


def _upsert(body: Json, aim: Aim, touched: bool) -> Written | None:
    """Return the document that is made if there is none; None: there is nothing to do about it.

    `touched`: the part gets weights, or loses them, so that it is none to make a document of.
    """
    from_part = _is_true(body, "doc_as_upsert")
    made: Any = body.get("doc" if from_part else "upsert")  # Any: a JSON value
    # A script may change what `upsert` holds before it is written.
    if not isinstance(made, dict) or _is_true(body, "scripted_upsert"):
        return None
    written = read_document(write_json(made), aim)
    return written if written.changes or (from_part and touched) else None


def _is_true(body: Json, name: str) -> bool:
    """Return whether an option is on.

    Raises:
        UnreadJson: it has a value that clusters refuse.
    """
    value = body.get(name, False)
    # Not by `in`: 1 would be true.
    if isinstance(value, bool) or value in ("true", "false"):
        return value in (True, "true")
    raise UnreadJson(f"{name} is neither true nor false")


def _places(part: object, coverage: Coverage) -> Iterator[Place]:
    """Give the places for the weights of one coverage, as far as the part touches its text."""
    if not isinstance(part, dict):
        return
    texts, nested = Texts.of(coverage), coverage.nested
    for each, whole in [(part, False)] if nested is None else objects_at(part, nested, whole=False):
        told = nested is None and texts.field == WEIGHTS_FIELD
        if whole:
            text = texts.joined(each)
            if text or texts.emptied(each):
                yield Place(text, texts.field, each, whole, told)
        elif _touched(each, texts):
            yield Place(texts.joined(each) if _complete(each, texts) else None, texts.field, each, whole, told)


def _touched(part: Json, texts: Texts) -> bool:
    """Return whether a text of it changes; an empty object, merged into another, changes nothing."""
    paths = [*paths_of(part, empty=False)]
    return any(meet(path, name) for path in paths for name in (*texts.names, *texts.patterns))


def _complete(part: Json, texts: Texts) -> bool:
    """Return whether all of the text is in the part; what a pattern covers may be more of it."""
    others = [path for path in paths_of(part) if path not in texts.names]
    by_pattern = any(fnmatchcase(path, name) for path in others for name in texts.patterns)
    return bool(texts.names) and all(replaced(part, name) for name in texts.names) and not by_pattern
