"""What a search leaves open in the cluster, a scroll or a stored result, and how that is closed; pure."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from csplade.integration.gateway_json import write_json

# The first name that an answer has, or one of the first.
_SCROLL = re.compile(rb'\A\s*\{[^{}]*?"_scroll_id"\s*:\s*"([^"\\]+)"')
_STORED = re.compile(rb'\A\s*\{[^{}]*?"id"\s*:\s*"([^"\\]+)"')
_ASYNCHRONOUS = (b"/_async_search", b"/_plugins/_asynchronous_search")


@dataclass(frozen=True, slots=True)
class Closing:
    """A request, with the method DELETE, that closes it."""

    path: bytes
    body: bytes = b""


def left_open(path: bytes, start: bytes) -> Closing | None:
    """Return how to close what a search left open, by its path and its answer's beginning; None: nothing is open."""
    asynchronous = next((each for each in _ASYNCHRONOUS if path.rstrip(b"/").endswith(each)), None)
    if asynchronous is not None:
        stored = _STORED.match(start)
        return None if stored is None else Closing(asynchronous + b"/" + quote(stored[1], safe="").encode())
    scroll = _SCROLL.match(start)
    return (
        None if scroll is None else Closing(b"/_search/scroll", write_json({"scroll_id": scroll[1].decode("latin-1")}))
    )
