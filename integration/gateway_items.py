"""The searches of a request that has several: pairs of lines, a header and a search in turn; pure."""

from dataclasses import dataclass

from csplade.integration.gateway_json import UnreadJson, read_object
from csplade.integration.gateway_names import Names

MOST_ITEMS = 10_000
"""Searches, or documents to be read, in one request: each takes time, however short it is."""


@dataclass(frozen=True)
class Item:
    """One of several searches in a request."""

    header: bytes
    body: bytes
    names: Names
    """The indexes as its header names them; what it does not say the whole request does."""


def too_many(body: bytes) -> bool:
    """Return whether a body has more searches than are looked at."""
    return body.count(b"\n") > 2 * MOST_ITEMS


def read_items(body: bytes) -> list[Item]:
    """Return the searches of a body with several.

    Raises:
        UnreadJson: it is not lines of JSON, a header and a search in turn.
    """
    *lines, last = body.split(b"\n")
    if last.strip() or len(lines) % 2:
        raise UnreadJson("it is not pairs of lines")
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return [Item(header, search, Names.of_header(read_object(header.strip() or b"{}"))) for header, search in pairs]
