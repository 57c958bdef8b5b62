"""A line of a BEIR folder's corpus or queries: a record in, its id and its text out, or why there is none."""

from collections.abc import Sequence

from csplade.pipelines.jsonl import Record, Unreadable, kind
from csplade.pipelines.training_line import LineError


def identified_text(found: Record | Unreadable, fields: Sequence[str]) -> tuple[str, str]:
    """Return id and text of a record; the text is empty where the record has none of the fields.

    Raises:
        LineError: the line is no record, has no id, or something else than a text in one of the fields.
    """
    if isinstance(found, Unreadable):
        raise LineError(f"{found.reason}: correct the line")
    identity = found.value.get("_id")
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        raise LineError('has no id: write it like {"_id": "7", "text": "fresh bread"}')
    texts = [found.value.get(field) for field in fields]
    for field, text in zip(fields, texts, strict=True):
        if text is not None and not isinstance(text, str):
            raise LineError(f"has {kind(text)} in the field {field!r} where text belongs: make it a string")
    # Joined as documents are for an index, so that training sees what is encoded later.
    return str(identity), "\n".join(text for text in texts if text)


def add_text(texts: dict[str, str], identity: str, text: str) -> None:
    """Add a text under its id.

    Raises:
        LineError: there is another text of that id.
    """
    if texts.setdefault(identity, text) != text:
        raise LineError(f"gives the id {identity!r} a second text: correct its id")
