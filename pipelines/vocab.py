"""Term keys: any bytes <-> a field key that OpenSearch and Elasticsearch accept and people can read.

A leading space is written `▁`, UTF-8 letters and symbols stay, every other byte becomes `%XX`. What is escaped: dots (a dotted
feature is indexed but found by no `rank_feature` query), quotes, white space, control and unassigned characters,
`%` and `▁` themselves, and bytes that are not UTF-8. The empty piece is `%`. Injective and reversible.
"""

import re
import unicodedata

CODEC_VERSION = 1

_SPACE_MARK = "▁"
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")
_ALWAYS_ESCAPED = frozenset("%.\"'`\\" + _SPACE_MARK)


def encode_key(piece: bytes) -> str:
    """Return the term key of a vocabulary piece or word."""
    if not piece:
        return "%"
    text = piece.decode("utf-8", errors="surrogateescape")
    mark, rest = (_SPACE_MARK, text[1:]) if text[0] == " " else ("", text)
    return mark + "".join(char if _stays(char) else _escape(char) for char in rest)


def decode_key(key: str) -> bytes:
    """Return the bytes that `encode_key` turned into `key`.

    Raises:
        ValueError: `key` is not a term key.
    """
    if key == "%":
        return b""
    head, rest = (b" ", key[1:]) if key.startswith(_SPACE_MARK) else (b"", key)
    piece = head + _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), rest.encode("utf-8", "replace"))
    if encode_key(piece) != key:
        raise ValueError(f"{key!r} is not a term key")
    return piece


def readable(key: str) -> str:
    """Return the key as a person would write the term; bytes that are not text show as `\\xNN`."""
    return decode_key(key).decode("utf-8", errors="backslashreplace").strip() or repr(decode_key(key))


def _stays(char: str) -> bool:
    return char not in _ALWAYS_ESCAPED and unicodedata.category(char)[0] in "LMNPS"


def _escape(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", errors="surrogateescape"))
