"""What a hit is for libraries that know a text and its metadata."""

from typing import Any

from csplade.integration.encoded_text import joined
from csplade.integration.search import Hit
from csplade.integration.templates import TEXT_FIELD

SCORE_KEY = "csplade_score"


def text_of(hit: Hit) -> str:
    """Return the best passage of a document, else all of its text."""
    return hit.passage if hit.passage is not None else joined(hit.source or {}, [TEXT_FIELD])


def metadata_of(hit: Hit) -> dict[str, Any]:  # Any: JSON values
    """Return all other fields of a document."""
    return {name: value for name, value in (hit.source or {}).items() if name != TEXT_FIELD}
