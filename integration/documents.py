"""Records become documents, documents with their vectors become bulk lines; pure, nothing is sent from here.

A record's chosen text fields are joined into the field `text`, its `title` stays `title`, everything else is kept as
it is so that it can serve as a filter, except names that are ours or the cluster's.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from csplade.integration.passages import Encoded
from csplade.integration.short_weights import shortened
from csplade.integration.templates import (
    MARK_FIELD,
    PASSAGES_FIELD,
    SEISMIC_FIELD,
    TEXT_FIELD,
    TITLE_FIELD,
    WEIGHTS_FIELD,
)
from csplade.pipelines.errors import EncoderError, SourceError
from csplade.pipelines.jsonl import Record, Unreadable, kind, write_line
from csplade.pipelines.sparse import SparseVector

if TYPE_CHECKING:
    from csplade.integration.seismic import Remap

ERROR_FIELD = "csplade_error"
RAW_FIELD = "csplade_raw"
"""Both are added to a dead letter and taken off again when it is fed once more."""

DEFAULT_ID_FIELDS = ("_id", "id")
DEFAULT_TEXT_FIELDS = ("title", "text")

_LONGEST_ID = 512
# The fields of all lines hold 32-bit floats and refuse the whole document for one that is not positive and normal.
SMALLEST_WEIGHT, _LARGEST_WEIGHT = 2.0**-126, (2 - 2.0**-23) * 2.0**127
# The cluster refuses these inside a document.
_METADATA = {
    *("_id", "_index", "_type", "_routing", "_source", "_field_names"),
    *("_ignored", "_seq_no", "_primary_term", "_version", "_nested_path"),
}
OUR_FIELDS = frozenset({WEIGHTS_FIELD, PASSAGES_FIELD, SEISMIC_FIELD, MARK_FIELD})
"""Of these only csplade decides what they hold."""
_NOT_KEPT = _METADATA | OUR_FIELDS | {TEXT_FIELD, TITLE_FIELD, ERROR_FIELD, RAW_FIELD}


class RecordError(SourceError):
    """A record is no document; the text continues a sentence that begins with the record's place."""


@dataclass(frozen=True)
class RecordOptions:
    """Which fields of a record mean what."""

    id_field: str | None = None
    """None: `_id`, else `id`."""
    text_fields: tuple[str, ...] = DEFAULT_TEXT_FIELDS
    """Joined in this order; at least one besides `title` must be there."""
    indexed: bool = True
    """Whether the texts become the field `text` of an index, where no other text may stand; or are only encoded."""
    vector_field: str | None = None
    """The field in which a record that is kept whole gets its vector, and may have nothing else; None: none is kept."""


@dataclass(frozen=True, slots=True)
class Document:
    """What is indexed: one searchable text under a stable id."""

    id: str
    text: str
    title: str | None = None
    fields: Mapping[str, Any] | None = None  # Any: JSON values
    record: Mapping[str, Any] | None = None  # Any: JSON values
    """The record as it was read, for the dead letters."""
    routing: str | None = None
    """What decides its shard instead of its id."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is no document, and why; `reason` continues a sentence that begins with its place."""

    line: int
    """0 where there are no lines, and the reason names the place."""
    reason: str
    record: Mapping[str, Any] | None = None  # Any: JSON values
    raw: str = ""

    @property
    def sentence(self) -> str:
        """Return the reason with its place."""
        return f"line {self.line} {self.reason}" if self.line else self.reason


def read_documents(records: Iterable[Record | Unreadable], options: RecordOptions) -> Iterator[Document | Rejected]:
    """Turn records into documents, lazily and in order."""
    for record in records:
        if isinstance(record, Unreadable):
            yield Rejected(record.line, record.reason, raw=record.raw)
            continue
        try:
            yield to_document(record.value, options)
        except RecordError as error:
            yield Rejected(record.line, str(error), record=record.value)


def to_document(record: Mapping[str, Any], options: RecordOptions) -> Document:  # Any: JSON values
    """Return the record as a document.

    Raises:
        RecordError: it has no usable id, no text, something else where text belongs, or a field that would be lost.
    """
    if options.vector_field in record:
        raise RecordError(
            f"has a field {options.vector_field!r} of its own, which its vector would replace: name another with "
            "--vector-field, or rename it"
        )
    title = _title_of(record)
    texts = {name: title if name == TITLE_FIELD else _text_of(record, name) for name in options.text_fields}
    if all(text is None for name, text in texts.items() if name != TITLE_FIELD or len(texts) == 1):
        raise _no_text(record, texts)
    text = "\n".join(part for part in texts.values() if part)
    # A record that was read from an index has the same there already.
    if options.indexed and TEXT_FIELD not in texts and record.get(TEXT_FIELD) not in (None, "", text):
        raise RecordError(
            f"has a field {TEXT_FIELD!r} that would be replaced by the text of {', '.join(texts)}: add {TEXT_FIELD} to "
            "--text-fields, or rename it"
        )
    dropped = _NOT_KEPT | texts.keys()
    return Document(
        id=_id_of(record, options.id_field),
        text=text,
        title=title,
        # A dot makes an object of the part before it: "csplade_terms.x" would be a weight.
        fields={name: value for name, value in record.items() if name.partition(".")[0] not in dropped},
        record=record,
    )


def bulk_lines(
    document: Document,
    encoded: Encoded,
    least: float = 0.0,
    fingerprint: str | None = None,
    remap: "Remap | None" = None,
) -> bytes:
    """Return the two lines of a bulk request that index the document under its id; without weights below `least`.

    With the fingerprint of an encoder the document is marked as encoded by it. With a remap, its weights stand there by
    number as well.

    Raises:
        RecordError: the document holds something that JSON cannot express.
        EncoderError: a term key has a dot, which a cluster would accept and never find.
    """
    source: dict[str, object] = {**(document.fields or {}), TEXT_FIELD: document.text}
    if document.title is not None:
        source[TITLE_FIELD] = document.title
    source.update(weight_fields(encoded, least, remap))
    place = {"_id": document.id} if document.routing is None else {"_id": document.id, "routing": document.routing}
    try:
        if fingerprint is not None:
            source[MARK_FIELD] = mark_of(fingerprint, document.text)
        return write_line({"index": place}) + write_line(source)
    except TypeError as error:
        raise RecordError(f"cannot be written as JSON ({error}): correct its fields") from error


def mark_of(fingerprint: str, text: str) -> str:
    """Return the mark of a document whose weights an encoder made of this text: another of either is another mark."""
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return f"{fingerprint}-{digest}"


def weight_fields(encoded: Encoded, least: float = 0.0, remap: "Remap | None" = None) -> dict[str, object]:
    """Return the field that holds a document's weights from `least` on, in few digits; none if it has none.

    With a remap, which an index of passages has not, also the field that holds those of terms with a number.

    Raises:
        EncoderError: a term key has a dot.
    """
    if isinstance(encoded, SparseVector):
        weights = shortened(acceptable_weights(encoded, least))
        numbers = remap.apply(weights) if remap is not None else {}
        # A SEISMIC field refuses an object without any.
        return {name: held for name, held in ((WEIGHTS_FIELD, weights), (SEISMIC_FIELD, numbers)) if held}
    windows = ((one, shortened(acceptable_weights(one.vector, least))) for one in encoded)
    parts = [{"begin": one.begin, "end": one.end, WEIGHTS_FIELD: weights} for one, weights in windows if weights]
    return {PASSAGES_FIELD: parts} if parts else {}


def acceptable_weights(vector: SparseVector, least: float = 0.0) -> Mapping[str, float]:
    """Return the weights from `least` on that a cluster can store: finite, positive, normal 32-bit floats.

    Raises:
        EncoderError: a term key has a dot.
    """
    if "." in "".join(vector.weights):
        dotted = next(term for term in vector.weights if "." in term)
        raise EncoderError(f"the term key {dotted!r} has a dot, no query would find it: export the encoder again")
    smallest, values = max(least, SMALLEST_WEIGHT), vector.weights.values()
    # Nearly always; a sum tells of a number that is none, which compares with nothing.
    if values and smallest <= min(values) and max(values) <= _LARGEST_WEIGHT and not isnan(sum(values)):
        return vector.weights
    return {term: weight for term, weight in vector if smallest <= weight <= _LARGEST_WEIGHT}


def dead_letter(failed: Document | Rejected, reason: str) -> bytes:
    """Return one line of JSON: the record as it was read, with the reason; mended, it can be ingested again."""
    if failed.record is not None:
        record = dict(failed.record)
    elif isinstance(failed, Rejected):
        record = {RAW_FIELD: failed.raw}
    else:
        record = {"_id": failed.id, TITLE_FIELD: failed.title, TEXT_FIELD: failed.text, **(failed.fields or {})}
    try:
        return write_line({**record, ERROR_FIELD: reason})
    except TypeError:
        # The very reason why it failed: keep what it looks like.
        return write_line({RAW_FIELD: ascii(record), ERROR_FIELD: reason})


def _no_text(record: Mapping[str, Any], names: Iterable[str]) -> RecordError:  # Any: JSON values
    if RAW_FIELD in record:
        return RecordError(
            f"is a dead letter of what was no record: mend what stands in {RAW_FIELD!r}, and write it in the place of "
            "the whole line"
        )
    return RecordError(
        f"has no text in {' or '.join(names)} (its fields: {_names(record)}): name its text fields with --text-fields"
    )


def _id_of(record: Mapping[str, Any], field: str | None) -> str:  # Any: JSON values
    candidates = DEFAULT_ID_FIELDS if field is None else (field,)
    name = next((candidate for candidate in candidates if candidate in record), None)
    if name is None:
        raise RecordError(
            f"has no id in {' or '.join(candidates)} (its fields: {_names(record)}): name the id field with --id-field"
        )
    value = record[name]
    if isinstance(value, float) and abs(value) >= 2.0**63:
        # That of a dead letter would be another one.
        raise RecordError(
            f"has a number of more than 64 bits in the field {name!r} where an id belongs, and that was rounded: write "
            "it in quotes, as the source has it"
        )
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RecordError(
            f"has {kind(value)} in the field {name!r} where an id belongs: give it a text or a whole number of 64 bits"
        )
    size = len(str(value).encode())
    if not 0 < size <= _LONGEST_ID:
        raise RecordError(f"has an id of {size} bytes, a cluster takes 1 to {_LONGEST_ID}: give it another id")
    return str(value)


def _title_of(record: Mapping[str, Any]) -> str | None:  # Any: JSON values
    """Return the title; years and the like are titles too, even where nobody chose the field."""
    value = record.get(TITLE_FIELD)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else _text_of(record, TITLE_FIELD)


def _text_of(record: Mapping[str, Any], name: str) -> str | None:  # Any: JSON values
    value = record.get(name)
    if value is None or isinstance(value, str):
        return value
    raise RecordError(f"has {kind(value)} in the field {name!r} where text belongs: make it a string")


def _names(record: Mapping[str, Any]) -> str:  # Any: JSON values
    names = [repr(name) for name in record][:8]
    return ", ".join(names) + (", …" if len(record) > len(names) else "") or "none"
