"""The tables of an encoder folder."""

import gzip
from pathlib import Path

import pytest
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.folder import IDF_FILE, TERMS_FILE, Tables, read_tables, write_tables

DAMAGED = gzip.compress(b"{}", mtime=0)[:10] + b"\xff" * 12
"""A gzip header, and what no deflate stream begins with."""
TABLES = Tables(["bread", "zürich", "%2E"], {"salt": 2.5, "bread": 1.0})


def test_tables_come_back_and_the_same_tables_give_the_same_bytes(tmp_path: Path) -> None:
    write_tables(tmp_path, TABLES)
    first = {name: (tmp_path / name).read_bytes() for name in (TERMS_FILE, IDF_FILE)}
    write_tables(tmp_path, Tables(tuple(TABLES.terms), {"bread": 1.0, "salt": 2.5}))
    assert {name: (tmp_path / name).read_bytes() for name in first} == first
    assert read_tables(tmp_path) == TABLES


@pytest.mark.parametrize("name", [TERMS_FILE, IDF_FILE])
@pytest.mark.parametrize(
    "content", [None, b"", b"no gzip", gzip.compress(b"{", mtime=0), gzip.compress(b"1", mtime=0), DAMAGED]
)
def test_a_damaged_table_is_told(tmp_path: Path, name: str, content: bytes | None) -> None:
    write_tables(tmp_path, TABLES)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EncoderError, match="copy the encoder folder again"):
        read_tables(tmp_path)
