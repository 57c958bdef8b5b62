"""What each piece of a tokenizer's vocabulary stands for, in bytes; pure.

Byte-level vocabularies write every byte as one printable character, SentencePiece a space as `▁` and rare bytes as
`<0xAB>`, WordPiece a piece inside a word with `##`. Read as bytes, all three say the same: a piece that begins a word
has its space.
"""

import enum
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from tokenizers import Tokenizer

_SPACE_MARK = "▁"
_ONE_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class Spelling(enum.Enum):
    """How a vocabulary writes its pieces."""

    BYTE_LEVEL = enum.auto()
    SENTENCE_PIECE = enum.auto()
    WORD_PIECE = enum.auto()
    PLAIN = enum.auto()
    """As they are; nothing tells which pieces begin a word."""


class Rank(enum.IntEnum):
    """Who keeps a key that two pieces would have."""

    TEXT = 0
    BYTE = 1
    SPECIAL = 2


def spelling_of(described: Mapping[str, Any]) -> Spelling:  # Any: JSON values
    """Return how the vocabulary of a tokenizer, given as the JSON object of `tokenizer.json`, writes its pieces."""
    if described["model"].get("type") == "WordPiece":
        return Spelling.WORD_PIECE
    parts = [part for name in ("normalizer", "pre_tokenizer", "decoder") for part in _parts(described.get(name))]
    if any(part.get("type") == "ByteLevel" for part in parts):
        return Spelling.BYTE_LEVEL
    marks = any(part.get("type") == "Metaspace" or _writes_mark(part) for part in parts)
    return Spelling.SENTENCE_PIECE if marks or described["model"].get("type") == "Unigram" else Spelling.PLAIN


def piece_bytes(tokenizer: Tokenizer) -> dict[int, tuple[Rank, bytes]]:
    """Return rank and bytes of each vocabulary id, ascending; ids that the tokenizer leaves out are not there."""
    described: dict[str, Any] = orjson.loads(tokenizer.to_str())  # Any: a JSON object
    spelling = spelling_of(described)
    prefix = described["model"].get("continuing_subword_prefix") or "##"
    added = {token["id"]: bool(token["special"]) for token in described.get("added_tokens") or []}
    found = {}
    for piece, number in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
        if added.get(number):
            found[number] = Rank.SPECIAL, piece.encode()
        elif number in added and spelling is not Spelling.SENTENCE_PIECE:
            found[number] = Rank.TEXT, piece.encode()
        else:
            found[number] = _read(piece, spelling, prefix)
    return found


def _read(piece: str, spelling: Spelling, prefix: str) -> tuple[Rank, bytes]:
    if spelling is Spelling.BYTE_LEVEL:
        return Rank.TEXT, _from_alphabet(piece)
    if spelling is Spelling.WORD_PIECE:
        inside = piece.startswith(prefix) and piece != prefix
        return Rank.TEXT, (piece.removeprefix(prefix) if inside else f" {piece}").encode()
    if spelling is Spelling.SENTENCE_PIECE:
        byte = _ONE_BYTE.fullmatch(piece)
        return (Rank.BYTE, bytes.fromhex(byte[1])) if byte else (Rank.TEXT, piece.replace(_SPACE_MARK, " ").encode())
    return Rank.TEXT, piece.encode()


def _from_alphabet(piece: str) -> bytes:
    """Return the bytes of a byte-level piece; a piece with a character outside the alphabet is text as it is."""
    if all(character in _BYTE_OF for character in piece):
        return bytes(_BYTE_OF[character] for character in piece)
    return piece.encode()


def _byte_alphabet() -> dict[str, int]:
    """Return GPT-2's alphabet: printable bytes of Latin-1 stand for themselves, the others for the letters from 256."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTE_OF = _byte_alphabet()


def _parts(step: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:  # Any: JSON values
    """Yield a step of a tokenizer, or the steps of a sequence of them."""
    if step is None:
        return
    inner = next((step[name] for name in ("normalizers", "pretokenizers", "decoders") if name in step), None)
    if inner is None:
        yield step
    for one in inner or ():
        yield from _parts(one)


def _writes_mark(part: Mapping[str, Any]) -> bool:  # Any: JSON values
    return part.get("type") == "Replace" and _SPACE_MARK in (part.get("content"), part["pattern"].get("String"))
