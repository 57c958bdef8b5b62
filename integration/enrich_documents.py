"""Which documents need new weights, and what is sent for them; pure.

A document is current when its mark is that of the encoder and of its text as it is now. What is sent holds only if
nobody has changed the document since it was read, and it assigns the weights as a whole: merged with the old ones,
terms that the text no longer has would stay.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from csplade.integration.documents import OUR_FIELDS, weight_fields
from csplade.integration.encoded_text import encoded_text
from csplade.integration.passages import Encoded
from csplade.integration.seismic import Remap
from csplade.integration.slices import Found
from csplade.integration.stored_weights import weights_of, whole_source
from csplade.integration.templates import MARK_FIELD, SEISMIC_FIELD, TEXT_FIELD, WEIGHTS_FIELD
from csplade.integration.text_copy import Part, copy_mark, is_mark_of
from csplade.pipelines.jsonl import write_line

# A constant, so that the cluster compiles it once.
_SCRIPT = "for (name in params.none) { ctx._source.remove(name) } ctx._source.putAll(params.values)"


class Write(enum.Enum):
    """How weights come into a document that is there."""

    SCRIPT = "script"
    """A script on the cluster assigns them."""
    WHOLE = "whole"
    """The document is sent back as it was read, with them; for clusters without scripts."""


class Version(NamedTuple):
    """A document as somebody wrote it; a change by anybody makes another one, also after a failover."""

    shard: int
    sequence: int
    term: int


@dataclass(frozen=True, slots=True)
class Stale:
    """A document whose weights are missing or not those of its text."""

    id: str
    routing: str | None
    version: Version
    """As it was read."""
    text: str
    source: Mapping[str, Any]  # Any: JSON values
    parts: tuple[Part, ...]
    """Of which its field `text` is csplade's copy, which is written with the weights; none where it is not."""


def version_of(found: Found) -> Version:
    """Return the version of a document that was read."""
    return Version(found.shard, int(found.hit["_seq_no"]), int(found.hit["_primary_term"]))


def stale(found: Found, text_fields: Sequence[str], fingerprint: str, remap: Remap | None = None) -> Stale | None:
    """Return a document as it was read if it needs new weights, or in another field the same, None if it is current.

    Raises:
        RecordError: an object stands where text belongs.
    """
    source: Mapping[str, Any] = found.hit.get("_source") or {}  # Any: JSON values
    wanted = encoded_text(source, text_fields)
    if is_mark_of(source.get(MARK_FIELD), fingerprint, wanted.text) and not _lacks_numbers(source, remap):
        return None
    routing = found.hit.get("_routing")
    place = (str(found.hit["_id"]), None if routing is None else str(routing))
    return Stale(*place, version_of(found), wanted.text, source, wanted.parts)


def _lacks_numbers(source: Mapping[str, Any], remap: Remap | None) -> bool:  # Any: JSON values
    """Say whether a SEISMIC field should hold weights of the document and holds none, as somebody copied it."""
    if remap is None or source.get(SEISMIC_FIELD):
        return False
    return bool(remap.apply(weights_of(source, WEIGHTS_FIELD).weights))


def wanted_source(text_fields: Sequence[str], write: Write, hides_weights: bool, remap: Remap | None = None) -> object:
    """Return what of `_source` must be read, as in the body of a search."""
    if write is Write.SCRIPT:
        weights = () if remap is None else (WEIGHTS_FIELD, SEISMIC_FIELD)
        return list(dict.fromkeys((*text_fields, TEXT_FIELD, MARK_FIELD, *weights)))
    # Other vectors too: what is sent back must hold them.
    return whole_source(hides_weights)


def enriched(
    encoded: Encoded, document: Stale, fingerprint: str, least: float = 0.0, remap: Remap | None = None
) -> dict[str, object]:
    """Return the fields that enriching gives a document; of ours, it has no others, and what is not ours stays.

    Raises:
        EncoderError: a term key has a dot, which no query would find.
    """
    found: dict[str, object] = {MARK_FIELD: copy_mark(fingerprint, document.text, document.parts)}
    if document.parts:
        found[TEXT_FIELD] = document.text
    return {**found, **weight_fields(encoded, least, remap)}


def update_lines(document: Stale, fields: Mapping[str, object], write: Write) -> bytes:
    """Return the two lines of a bulk request that give a document these fields, if it is as it was read.

    Raises:
        TypeError: they hold something that JSON cannot express.
    """
    version = {"if_seq_no": document.version.sequence, "if_primary_term": document.version.term}
    place: dict[str, object] = {"_id": document.id, **version}
    if document.routing is not None:
        place["routing"] = document.routing
    none = sorted(OUR_FIELDS - fields.keys())
    if write is Write.SCRIPT:
        params = {"none": none, "values": fields}
        script = {"lang": "painless", "source": _SCRIPT, "params": params}
        return write_line({"update": place}) + write_line({"script": script})
    kept = {name: value for name, value in document.source.items() if name not in OUR_FIELDS}
    return write_line({"index": place}) + write_line({**kept, **fields})
