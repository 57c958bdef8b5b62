"""Parquet: rows as records where pyarrow is, and one clear sentence where it is not."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from csplade.integration.documents import Document, RecordOptions, Rejected, read_documents
from csplade.pipelines.errors import MissingExtraError, SourceError, UsageError
from csplade.pipelines.jsonl import Record, Unreadable
from csplade.pipelines.sources import Format, find_source
from csplade.tests.command_run import runner

Write = Callable[[dict[str, Any]], str]  # Any: a list, or an array of pyarrow


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes columns as the Parquet file whose path it returns."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def written(columns: dict[str, Any]) -> str:  # Any: as above
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
    path = write({"_id": ["1", "2"], "text": [5, 6]})
    found = list(read_documents(find_source(path).records(), RecordOptions()))
    assert [one.reason.partition(":")[0] for one in found if isinstance(one, Rejected)] == [
        "has a number in the field 'text' where text belongs"
    ] * 2
    path = write({"_id": ["1", "2"], "key": [0.5, 1.5], "body": ["bread", "salt"]})
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


@pytest.fixture
def broken(write: Write) -> str:
    """Return a file of 1,200 rows: the text of number 700 is not UTF-8, and the day of number 701 in no known year."""
    pyarrow = pytest.importorskip("pyarrow")
    texts = pyarrow.array([b"caf\xe9" if n == 700 else b"bread" for n in range(1, 1201)], pyarrow.binary())
    days = pyarrow.array([10**8 if n == 701 else n for n in range(1, 1201)], pyarrow.int32())
    # Only whoever writes without looking makes such a column; pyarrow's own casts look.
    text = pyarrow.Array.from_buffers(pyarrow.string(), len(texts), texts.buffers())
    return write({"_id": [str(n) for n in range(1, 1201)], "text": text, "day": days.view(pyarrow.date32())})


def test_a_row_that_is_not_utf8_costs_no_other(broken: str) -> None:
    found = list(find_source(broken).records())
    assert [one.line for one in found] == list(range(1, 1201))
    assert [one for one in found if isinstance(one, Unreadable)] == [
        Unreadable(700, "is not UTF-8 (byte 0xe9 at place 4) in the column 'text'", "700,caf\ufffd,"),
        Unreadable(701, "has a value that cannot be read (date value out of range) in the column 'day'", "701,bread,"),
    ]
    assert [one.value["text"] for one in found if isinstance(one, Record)] == ["bread"] * 1198


def test_a_column_that_is_there_twice_is_refused(write: Write) -> None:
    """Of the two a record would have had the later one, and nobody would have known."""
    pyarrow = pytest.importorskip("pyarrow")
    path = Path(write({"text": ["bread"]}))
    columns = [pyarrow.array([text]) for text in ("1", "bread", "salt")]
    table = pyarrow.Table.from_arrays(columns, names=["_id", "text", "text"])
    pytest.importorskip("pyarrow.parquet").write_table(table, path)
    with pytest.raises(SourceError, match=r"a\.parquet must name each column once, and has 'text' twice"):
        list(find_source(str(path)).records())


def test_the_commands_refuse_such_a_row_or_pass_over_it(
    broken: str,
    encoder_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CSPLADE_ENCODER", str(encoder_folder))
    monkeypatch.chdir(tmp_path)
    encode = partial(runner(monkeypatch, capsys), "encode", broken, "--output", "v.jsonl")
    refused = encode()
    assert (refused.code, refused.out) == (1, "")
    assert "a.parquet line 700 is not UTF-8 (byte 0xe9 at place 4) in the column 'text'; or pass over" in refused.err
    assert not (tmp_path / "v.jsonl").exists()
    skipped = encode("--on-bad-record", "skip", "--json")
    shown = json.loads(skipped.out)
    assert (skipped.code, shown["written"], shown["failed"]) == (1, 1198, 2)
    assert "caf\ufffd" in Path(shown["dead_letters"]).read_text(encoding="utf-8")
