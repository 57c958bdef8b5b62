"""JSON of callers, read so that nothing of it is lost and nothing is guessed, and written again; pure."""

import json
import math
import zlib
from typing import Any


class UnreadJson(ValueError):
    """It is no JSON that every reader understands in the same way."""


ODD_ANSWER = (UnreadJson, LookupError, TypeError, AttributeError)
"""What is raised where an answer of the cluster is not of the form that is known."""


def read_json(text: bytes | str) -> Any:  # noqa: ANN401 - JSON values
    """Return a value; numbers keep all of their digits.

    Raises:
        UnreadJson: it is no plain JSON in UTF-8, or an object has a name twice.
    """
    try:
        return json.loads(
            text.decode() if isinstance(text, bytes) else text,
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise UnreadJson("it is no plain JSON") from error


def read_object(text: bytes | str) -> dict[str, Any]:  # Any: JSON values
    """Return an object.

    Raises:
        UnreadJson: it is none, or as `read_json`.
    """
    value = read_json(text)
    if not isinstance(value, dict):
        raise UnreadJson("it is no JSON object")
    return value


def write_json(value: object) -> bytes:
    """Return a value in one line.

    Raises:
        UnreadJson: it is nested more deeply than can be written.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except RecursionError as error:
        raise UnreadJson("it is nested too deeply") from error


def unpacked(body: bytes, coding: bytes, largest: int) -> bytes | None:
    """Return a body without its Content-Encoding; None if it would be too large, is broken, or packed otherwise."""
    if coding in (b"", b"identity"):
        return body if len(body) <= largest else None
    window = _window(body, coding)
    if window is None:
        return None
    inflater = zlib.decompressobj(window)
    try:
        plain = inflater.decompress(body, largest + 1)
    except zlib.error:
        return None
    return plain if inflater.eof and not inflater.unused_data and len(plain) <= largest else None


def beginning(packed: bytes, coding: bytes, most: int) -> bytes:
    """Return as much of the beginning of a body, of which only the beginning may be there, as can be unpacked."""
    window = _window(packed, coding)
    if window is None:
        return packed[:most]
    try:
        return zlib.decompressobj(window).decompress(packed, most)
    except zlib.error:
        return b""


def _window(packed: bytes, coding: bytes) -> int | None:
    """Return how zlib is told of a coding; None: it does not know it."""
    # Some send deflate without the frame that it should have.
    return {b"gzip": 31, b"x-gzip": 31, b"deflate": 15 if packed[:1] and packed[0] & 0x0F == 8 else -15}.get(coding)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: JSON values
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadJson("an object has a name twice")
    return found


def _no_number(name: str) -> float:
    raise UnreadJson(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise UnreadJson("a number is too large")
    return number
