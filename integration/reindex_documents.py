"""Documents of any index become documents of ours; pure.

All that a document holds is kept under its name. The chosen text fields are besides joined into the field `text`, which
is what is encoded; where there is none, the text is empty.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from csplade.integration.documents import OUR_FIELDS, Document, RecordError, Rejected
from csplade.integration.templates import TEXT_FIELD, TITLE_FIELD
from csplade.pipelines.jsonl import kind

_OURS = OUR_FIELDS | {TEXT_FIELD, TITLE_FIELD}


def copied(hit: Mapping[str, Any], text_fields: Sequence[str]) -> Document | Rejected:  # Any: a JSON object
    """Return a hit as a document of ours, or why it cannot be one."""
    source: Mapping[str, Any] = hit.get("_source") or {}  # Any: JSON values
    identity = str(hit["_id"])
    record = {"_id": identity, **source}
    try:
        title = joined(source, [TITLE_FIELD])
        text = joined(source, text_fields)
    except RecordError as error:
        # Not by a line: an index has none.
        return Rejected(0, f"the document {identity!r} {error}", record=record)
    fields = {name: value for name, value in source.items() if name.partition(".")[0] not in _OURS}
    routing = hit.get("_routing")
    return Document(identity, text, title or None, fields, record, None if routing is None else str(routing))


def joined(source: Mapping[str, Any], names: Sequence[str]) -> str:  # Any: JSON values
    """Return the texts of fields, one a line; empty where there is none.

    Raises:
        RecordError: an object stands where text belongs.
    """
    return "\n".join(text for name in names for text in _texts(_value(source, name), name) if text)


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


def _value(source: Mapping[str, Any], name: str) -> object:  # Any: JSON values
    """Return what stands under a name, in which dots lead into objects; of lists of objects, what stands in each."""
    if name in source:
        return source[name]
    head, _, rest = name.partition(".")
    while rest:
        inner = source.get(head)
        if isinstance(inner, Mapping):
            return _value(inner, rest)
        if isinstance(inner, list):
            return [_value(one, rest) for one in inner if isinstance(one, Mapping)]
        step, _, rest = rest.partition(".")
        head = f"{head}.{step}"
    return None
