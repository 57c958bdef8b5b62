"""Term keys: any bytes <-> a field key that OpenSearch and Elasticsearch accept and people can read.

A leading space is written `▁`, other UTF-8 text stays, and each remaining byte becomes `%XX`. Escaped are dots (a
dotted feature is indexed but found by no `rank_feature` query), quotes, the backslash, white space, control and
invisible format characters, `%` and `▁` themselves, and bytes that are not UTF-8. The empty piece is `%`. Injective
and reversible. The set is written out, not taken from a Unicode database, so that a key never depends on the Python
that wrote it.
"""

import re

CODEC_VERSION = 1

_SPACE_MARK = "▁"
_HEX_BYTE = re.compile(r"%([0-9A-F]{2})")
_ESCAPED = re.compile(
    "[\x00-\x20\x7f-\xa0\xad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\uffff"
    "\ud800-\udfff.%\"'`\\\\" + _SPACE_MARK + "]"
)


def encode_key(piece: bytes) -> str:
    """Return the term key of a vocabulary piece or word."""
    if not piece:
        return "%"
    text = piece.decode("utf-8", errors="surrogateescape")
    mark, rest = (_SPACE_MARK, text[1:]) if text[0] == " " else ("", text)
    return mark + _ESCAPED.sub(_percent, rest)


def decode_key(key: str) -> bytes:
    """Return the bytes that `encode_key` turned into `key`.

    Raises:
        ValueError: `key` is not a term key.
    """
    if key == "%":
        return b""
    head, rest = (b" ", key[1:]) if key.startswith(_SPACE_MARK) else (b"", key)
    # Even entries are text, odd ones the two hexadecimal digits of a byte.
    parts = _HEX_BYTE.split(rest)
    piece = head + b"".join(
        bytes.fromhex(part) if index % 2 else part.encode("utf-8", errors="replace") for index, part in enumerate(parts)
    )
    if encode_key(piece) != key:
        raise ValueError(f"{key!r} is not a term key")
    return piece


def readable(key: str) -> str:
    """Return the key as a person would write the term; what cannot be seen is shown as Python would write it."""
    text = decode_key(key).decode("utf-8", errors="backslashreplace")
    shown = text.strip()
    return shown if shown and shown.isprintable() else repr(text)


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", errors="surrogateescape"))
