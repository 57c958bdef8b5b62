"""Blocks of a source hold what it holds, and a late one is read without what is before it."""

import gzip
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from csplade.pipelines.encode_blocks import plan_blocks
from csplade.pipelines.errors import SourceError
from csplade.pipelines.jsonl import Record, Unreadable
from csplade.pipelines.sources import Source, find_source
from csplade.pipelines.starts import BEGINNING, find_starts, records_from

pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
parquet = pytest.importorskip("pyarrow.parquet")

RECORDS, SIZE = 103, 10
LINES = [b'{"_id": "%d", "text": "%s"}' % (n, b"bread " * (n % 7)) for n in range(RECORDS)]
LINES[41] = b"{"
TEXT = b"\xef\xbb\xbf\n" + b"\n".join([*LINES[:20], b"", b" \t", *LINES[20:60], b"", *LINES[60:]])


def jsonl(path: Path) -> None:
    path.write_bytes(TEXT)


def packed(path: Path) -> None:
    path.write_bytes(gzip.compress(TEXT))


def table(path: Path) -> None:
    path.write_text("_id,text\n" + "".join(f'{n},"bread\n{n}"\n' for n in range(RECORDS)))


def rows(path: Path) -> None:
    columns = {"_id": [str(n) for n in range(RECORDS)], "text": ["bread"] * RECORDS}
    parquet.write_table(pyarrow.table(columns), path, row_group_size=16, compression="none", use_dictionary=False)


def blocks(source: Source) -> list[list[Record | Unreadable]]:
    """Read each block for itself, from where it begins."""
    planned = plan_blocks([(source, RECORDS)], SIZE, Path("out"))
    return [[*islice(records_from(source, one.start, one.begin), one.end - one.begin)] for one in planned]


@pytest.mark.parametrize(
    ("name", "write"), [("a.jsonl", jsonl), ("a.jsonl.gz", packed), ("b.jsonl", packed), ("a.csv", table)]
)
def test_blocks_hold_together_what_the_source_holds(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    check_blocks(tmp_path / name, write)


def test_blocks_of_parquet_do_whether_groups_of_rows_end_there_or_not(tmp_path: Path) -> None:
    check_blocks(tmp_path / "a.parquet", rows)


def check_blocks(path: Path, write: Callable[[Path], None]) -> None:
    write(path)
    source = find_source(str(path))
    found, whole = blocks(source), list(source.records())
    assert len(whole) == RECORDS
    assert [len(block) for block in found] == [*[SIZE] * (RECORDS // SIZE), RECORDS % SIZE]
    # Lines and rows have the numbers that they have in the whole file.
    assert [record for block in found for record in block] == whole


def test_what_is_packed_and_tables_have_no_places(tmp_path: Path) -> None:
    for name, write in (("b.jsonl", packed), ("a.csv", table), ("a.parquet", rows)):
        write(tmp_path / name)
        assert find_starts(find_source(str(tmp_path / name)), SIZE) == {}


def test_a_late_block_of_json_lines_does_not_read_the_lines_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    jsonl(path)
    source = find_source(str(path))
    wanted, starts = list(source.records())[50:60], find_starts(source, SIZE)
    # One line of no sense: whoever counted lines from the beginning would find other records.
    before = starts[50].byte - 1
    path.write_bytes(b"x" * before + path.read_bytes()[before:])
    assert [*islice(records_from(source, starts[50], 50), 10)] == wanted
    assert [*islice(records_from(source, BEGINNING, 50), 10)] != wanted


def test_a_late_block_of_parquet_does_not_read_the_groups_of_rows_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows(path)
    source = find_source(str(path))
    wanted = list(source.records())[50:60]
    begin = parquet.read_metadata(path).row_group(3).column(0).data_page_offset
    path.write_bytes(b"PAR1" + bytes(begin - 4) + path.read_bytes()[begin:])
    assert [*islice(records_from(source, BEGINNING, 50), 10)] == wanted
    with pytest.raises(SourceError, match="cannot be read as Parquet after row 0"):
        list(source.records())


def test_a_file_that_has_changed_since_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    jsonl(path)
    source = find_source(str(path))
    start = find_starts(source, SIZE)[50]
    path.write_bytes(b" " + TEXT)
    with pytest.raises(SourceError, match=rf"a\.jsonl has changed, no line begins at its byte {start.byte}: run again"):
        list(records_from(source, start, 50))
