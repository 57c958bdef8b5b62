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
    identity, routing = str(hit["_id"]), routing_of(hit)
    record = {"_id": identity, **({} if routing is None else {"_routing": routing}), **source}
    try:
        title = joined(source, [TITLE_FIELD])
        text = encoded_text(source, text_fields).text
    except RecordError as error:
        # Not by a line: an index has none.
        return Rejected(0, f"the document {identity!r} {error}", record=record)
    fields = {name: value for name, value in source.items() if name.partition(".")[0] not in _OURS}
    return Document(identity, text, title or None, fields, record, routing)


def routing_of(hit: Mapping[str, Any]) -> str | None:  # Any: a JSON object
    """Return what decides a document's shard instead of its id, None if nothing does."""
    routing = hit.get("_routing")
    return None if routing is None else str(routing)
