"""Parquet: rows as records where pyarrow is, and one clear sentence where it is not."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from csplade.integration.documents import Document, RecordOptions, Rejected, read_documents
from csplade.pipelines.errors import MissingExtraError, SourceError, UsageError
from csplade.pipelines.jsonl import Record
from csplade.pipelines.sources import Format, find_source

Write = Callable[[dict[str, list[object]]], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes columns as the Parquet file whose path it returns."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def written(columns: dict[str, list[object]]) -> str:
        path = tmp_path / "a.parquet"
        parquet.write_table(pyarrow.table(columns), path)
        return str(path)

    return written


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingExtraError, match=r"pip install 'csplade\[parquet\]'"):
        list(find_source(str(tmp_path / "a.parquet")).records())


def test_standard_input_cannot_be_parquet() -> None:
    with pytest.raises(UsageError, match="name the file"):
        find_source("-", Format.PARQUET)


def test_rows_are_records_with_their_types(write: Write) -> None:
    rows = [{"_id": str(n), "text": f"bread {n}", "year": n, "tags": ["a", "b"], "n": None} for n in range(1200)]
    source = find_source(write({name: [row[name] for row in rows] for name in rows[0]}))
    assert source.rereadable
    assert list(source.records()) == [Record(number, row) for number, row in enumerate(rows, start=1)]


def test_a_column_of_the_wrong_type_is_told_with_the_row(write: Write) -> None:
    path = write({"_id": ["1", "2"], "text": [5, 6], "key": [0.5, 1.5], "body": ["bread", "salt"]})
    found = list(read_documents(find_source(path).records(), RecordOptions()))
    assert [one.reason.partition(":")[0] for one in found if isinstance(one, Rejected)] == [
        "has a number in the field 'text' where text belongs"
    ] * 2
    (first, _) = read_documents(find_source(path).records(), RecordOptions("key", ("body",)))
    assert isinstance(first, Rejected)
    assert "has a number in the field 'key' where an id belongs" in first.reason
    (good, _) = read_documents(find_source(path).records(), RecordOptions(None, ("body",)))
    assert isinstance(good, Document)


def test_a_damaged_file_is_told(write: Write) -> None:
    path = Path(write({"_id": ["1"], "text": ["bread"]}))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"a\.parquet cannot be read as Parquet after row 0 \("):
        list(find_source(str(path)).records())
