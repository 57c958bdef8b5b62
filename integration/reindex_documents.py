"""Documents of any index become documents of ours; pure.

All that a document holds is kept under its name. The chosen text fields are besides joined into the field `text`, which
is what is encoded; where there is none, the text is empty. A dead letter holds a document as it was read, with its id
and its routing, under names that no field has: a cluster refuses both inside a document.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from csplade.integration.documents import OUR_FIELDS, Document, RecordError, Rejected
from csplade.integration.encoded_text import encoded_text, joined
from csplade.integration.templates import TEXT_FIELD, TITLE_FIELD

_OURS = OUR_FIELDS | {TEXT_FIELD, TITLE_FIELD}


def copied(hit: Mapping[str, Any], text_fields: Sequence[str]) -> Document | Rejected:  # Any: a JSON object
    """Return a hit as a document of ours, or why it cannot be one."""
    source: Mapping[str, Any] = hit.get("_source") or {}  # Any: JSON values
    identity, routing, record = str(hit["_id"]), routing_of(hit), _record(hit)
    try:
        title = joined(source, [TITLE_FIELD])
        text = encoded_text(source, text_fields).text
    except RecordError as error:
        return refused(hit, f"the document {identity!r} {error}")
    fields = {name: value for name, value in source.items() if name.partition(".")[0] not in _OURS}
    return Document(identity, text, title or None, fields, record, routing)


def refused(hit: Mapping[str, Any], reason: str) -> Rejected:  # Any: a JSON object
    """Return a hit as one that cannot be copied; the reason names its id."""
    # Not by a line: an index has none.
    return Rejected(0, reason, record=_record(hit))


def routing_of(hit: Mapping[str, Any]) -> str | None:  # Any: a JSON object
    """Return what decides a document's shard instead of its id, None if nothing does."""
    routing = hit.get("_routing")
    return None if routing is None else str(routing)


def _record(hit: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: JSON objects
    """Return what a dead letter holds of a document."""
    routing = routing_of(hit)
    return {"_id": str(hit["_id"]), **({} if routing is None else {"_routing": routing}), **(hit.get("_source") or {})}
