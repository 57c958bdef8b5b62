"""Term keys: any bytes to a key and back, and what a key never holds."""

import functools
import gzip
import unicodedata
from pathlib import Path

import orjson
import pytest
from csplade.commands.options import SHIPPED_ENCODER
from csplade.pipelines.vocab import decode_key, encode_key, readable
from hypothesis import example, given
from hypothesis import strategies as st

TOKENIZER = SHIPPED_ENCODER / "tokenizer.json"
TERMS = SHIPPED_ENCODER / "terms.json.gz"
FORBIDDEN = set(".\"'`\\ ")
# Where mistakes would hide: the codec's own signs, and what looks like its output.
TRICKY = [
    b"%",
    b"%2E",
    b"%%",
    b".",
    b" ",
    b"  ",
    b"\xe2\x96\x81",
    b" \xe2\x96\x81",
    b"\xff",
    b"\xe2\x96",
    b"a",
    b"e\xcc\x81",
]

pieces = st.binary(max_size=20) | st.text(max_size=20).map(str.encode) | st.lists(st.sampled_from(TRICKY)).map(b"".join)


def needs(path: Path) -> None:
    if not path.is_file():
        pytest.skip(f"there is no shipped encoder: {path} is made by the export")


def forbidden_in(key: str) -> set[str]:
    return {
        character
        for character in key
        if character in FORBIDDEN
        or character.isspace()
        or unicodedata.category(character) in ("Cc", "Cs", "Zs", "Zl", "Zp")
    }


@given(pieces)
@example(b"")
def test_a_key_gives_its_bytes_back_and_holds_nothing_forbidden(piece: bytes) -> None:
    key = encode_key(piece)
    assert decode_key(key) == piece
    assert key
    assert not forbidden_in(key)
    key.encode()


@given(pieces, pieces)
def test_different_pieces_have_different_keys(one: bytes, other: bytes) -> None:
    assert (encode_key(one) == encode_key(other)) == (one == other)


@given(st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_a_word_is_its_own_key_in_any_script(word: str) -> None:
    assert encode_key(word.encode()) == word == readable(word)
    assert encode_key(b" " + word.encode()) == f"▁{word}"
    assert readable(f"▁{word}") == word


@pytest.mark.parametrize(
    ("piece", "key"),
    [
        (b"", "%"),
        (b" ", "▁"),
        (b"  ", "▁%20"),
        (b" bread", "▁bread"),
        (b"bread ", "bread%20"),
        (b"3.5", "3%2E5"),
        (b"100%", "100%25"),
        (b"don't", "don%27t"),
        (b'"', "%22"),
        (b"a\\b", "a%5Cb"),
        (b"\n", "%0A"),
        ("▁".encode(), "%E2%96%81"),
        (" ▁".encode(), "▁%E2%96%81"),
        ("Brötchen".encode(), "Brötchen"),
        ("麵包".encode(), "麵包"),
        ("\u3000\u200b\ufeff".encode(), "%E3%80%80%E2%80%8B%EF%BB%BF"),
        (b"\xc3", "%C3"),
        (b"\xed\xa0\x80", "%ED%A0%80"),
    ],
)
def test_keys_that_indexes_already_hold_stay_as_they_are(piece: bytes, key: str) -> None:
    assert encode_key(piece) == key
    assert decode_key(key) == piece


def test_composed_and_decomposed_letters_stay_apart() -> None:
    assert encode_key("é".encode()) != encode_key("e\u0301".encode())


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a.b",
        "a b",
        " a",
        "a\n",
        "a'",
        '"',
        "%2e",
        "%41",
        "%2",
        "a%",
        "%%",
        "a▁",
        "▁▁",
        "%C3%A9",
        "%ZZ",
        "\ud800",
        "\udcff",
    ],
)
def test_what_no_piece_encodes_to_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="is not a term key"):
        decode_key(key)


@given(st.text(max_size=10))
def test_any_text_is_the_key_of_exactly_one_piece_or_refused(text: str) -> None:
    try:
        piece = decode_key(text)
    except ValueError:
        return
    assert encode_key(piece) == text


@pytest.mark.parametrize(
    ("piece", "shown"),
    [
        (b" bread", "bread"),
        (b"3.5", "3.5"),
        (b"", "''"),
        (b"  ", "'  '"),
        (b"\n", r"'\n'"),
        (b"a\x1b[31m", r"'a\x1b[31m'"),
        (b"\xc3", r"\xc3"),
        ("麵 包".encode(), "麵 包"),
    ],
)
def test_terms_are_shown_as_a_person_would_write_them(piece: bytes, shown: str) -> None:
    assert readable(encode_key(piece)) == shown


def test_a_readable_term_is_one_line_without_control_characters() -> None:
    for code in range(0x3000):
        shown = readable(encode_key(f"a{chr(code)}b".encode()))
        assert shown.isprintable(), hex(code)


@functools.cache
def byte_of() -> dict[str, int]:
    """Return the byte of each character of a byte-level vocabulary: those that print are themselves."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


def piece_of(token: str) -> bytes:
    """Return a token's bytes; added tokens, such as an end mark, are written as they are."""
    known = byte_of()
    return bytes(known[character] for character in token) if known.keys() >= set(token) else token.encode()


def test_the_whole_vocabulary_of_the_shipped_tokenizer_has_keys_of_its_own() -> None:
    needs(TOKENIZER)
    vocabulary = orjson.loads(TOKENIZER.read_bytes())["model"]["vocab"]
    found = {piece_of(token) for token in vocabulary}
    assert len(found) == len(vocabulary) > 10_000
    keys = {encode_key(piece): piece for piece in found}
    assert len(keys) == len(found)
    for key, piece in keys.items():
        assert decode_key(key) == piece
        assert not forbidden_in(key)
        assert readable(key)
    assert {"▁the", "%2E", "▁%22"} <= keys.keys()


def test_the_terms_of_the_shipped_encoder_are_keys() -> None:
    needs(TERMS)
    keys = orjson.loads(gzip.decompress(TERMS.read_bytes()))
    assert len(keys) == len(set(keys)) > 1000
    for key in keys:
        assert encode_key(decode_key(key)) == key
