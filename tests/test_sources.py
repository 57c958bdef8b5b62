"""Sources: files of each kind, folders, standard input, and what is wrong with them."""

import gzip
import io
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from csplade.pipelines import tables
from csplade.pipelines.errors import SourceError
from csplade.pipelines.jsonl import Record, Unreadable
from csplade.pipelines.sources import STDIN, Format, find_source

LINES = b'{"id": "1", "text": "bread"}\n{"id": "2", "text": "salt"}\n'
RECORDS = [Record(1, {"id": "1", "text": "bread"}), Record(2, {"id": "2", "text": "salt"})]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "no-suffix"])
def test_json_lines_are_read_as_often_as_one_likes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(LINES)
    source = find_source(str(tmp_path / name))
    assert source.rereadable
    assert list(source.records()) == RECORDS == list(source.records())


@pytest.mark.parametrize("name", ["a.jsonl.gz", "named-otherwise.jsonl"])
def test_gzip_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(LINES))
    assert list(find_source(str(tmp_path / name)).records()) == RECORDS


@pytest.mark.parametrize("corpus", ["corpus.jsonl", "corpus.jsonl.gz"])
def test_a_beir_folder_is_its_corpus(tmp_path: Path, corpus: str) -> None:
    (tmp_path / corpus).write_bytes(gzip.compress(LINES) if corpus.endswith("gz") else LINES)
    source = find_source(str(tmp_path))
    assert source.name == str(tmp_path / corpus)
    assert list(source.records()) == RECORDS


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(LINES) if packed else LINES)))
    source = find_source(STDIN)
    assert not source.rereadable
    assert list(source.records()) == RECORDS


def test_a_named_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(LINES,))
    writer.start()
    source = find_source(str(pipe))
    assert not source.rereadable
    assert list(source.records()) == RECORDS
    writer.join()


def test_a_table_gives_a_record_per_row_on_the_line_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffid,text\r\n1,"two\nlines, one cell"\r\n\r\n2,""\r\n'.encode())
    assert list(find_source(str(path)).records()) == [
        Record(2, {"id": "1", "text": "two\nlines, one cell"}),
        Record(5, {"id": "2", "text": ""}),
    ]


def test_a_table_may_be_gzipped_and_its_cells_long(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"id,text\n1," + b"x" * 200_000 + b"\n"))
    (record,) = find_source(str(path)).records()
    assert isinstance(record, Record)
    assert len(record.value["text"]) == 200_000


def test_a_bad_row_is_told_and_its_neighbours_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'id,text\n1,good\n2\n3,caf\xe9\n4,"a"b\n5,good\n')
    found = list(find_source(str(path)).records())
    assert [record.line for record in found] == [2, 3, 4, 5, 6]
    reasons = [record.reason for record in found if isinstance(record, Unreadable)]
    assert reasons[0] == "has 1 cells, the header has 2"
    assert reasons[1] == "is not UTF-8"
    assert reasons[2].startswith("is not CSV (")
    assert found[4] == Record(6, {"id": "5", "text": "good"})


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("a.csv", '"1, or one","a"b'),
        ("a.csv", '"1","two\r\nlines","or ""three"""'),
        ("a.tsv", '1\t"a, b"\tc'),
        ("a.csv", '1,"caf\udce9"'),
    ],
)
def test_a_bad_row_is_kept_as_it_stands(tmp_path: Path, name: str, row: str) -> None:
    header, good = ("id\ttext", "5\tgood") if name.endswith("tsv") else ("id,text", "5,good")
    (tmp_path / name).write_bytes(f"{header}\r\n{good}\r\n{row}\r\n{good}\r\n".encode(errors="surrogateescape"))
    first, bad, last = find_source(str(tmp_path / name)).records()
    assert isinstance(bad, Unreadable)
    assert (bad.line, bad.raw) == (3, row.replace("\udce9", "\ufffd"))
    assert isinstance(first, Record) and isinstance(last, Record) and first.value == last.value


def test_a_quote_that_never_ends_is_told_with_the_lines_it_took(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'id,text\n1,"open\n2,b\n')
    (found,) = find_source(str(path)).records()
    assert found == Unreadable(2, "is not CSV (unexpected end of data)", '1,"open\n2,b')


def test_a_quote_that_never_ends_does_not_take_the_file_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept of it is bounded, and behind the longest cell that can be, rows are read again."""
    monkeypatch.setattr(tables, "_LONGEST_CELL", 100)
    monkeypatch.setattr(tables, "_LONGEST_RAW", 12)
    path = tmp_path / "a.csv"
    path.write_bytes(b'id,text\n1,"open\n' + b"".join(b"%02d,good\n" % number for number in range(20)))
    found, *others = find_source(str(path)).records()
    told = "is not CSV (field larger than field limit (100)); only its first 12 characters are kept"
    assert found == Unreadable(2, told, '1,"open\n00,g')
    # 5 characters on the quote's own line, then 8 a line.
    assert [record.value["id"] for record in others if isinstance(record, Record)] == [str(n) for n in range(12, 20)]


def test_blank_lines_may_stand_before_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf\r\n\r\nid,text\r\n1,good\r\n")
    assert list(find_source(str(path)).records()) == [Record(4, {"id": "1", "text": "good"})]
    path.write_bytes(b"\nid,id\n")
    with pytest.raises(SourceError, match=r"a\.csv line 2 must name each column once, it is 'id,id'"):
        list(find_source(str(path)).records())
    path.write_bytes(b"\n\n")
    assert list(find_source(str(path)).records()) == []


@pytest.mark.parametrize("header", [b"id,id\n", b"id,\n"])
def test_a_table_names_each_column_once(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(header + b"1,2\n")
    with pytest.raises(SourceError, match=r"a\.csv line 1 must name each column once"):
        list(find_source(str(tmp_path / "a.csv")).records())


@pytest.mark.parametrize(
    ("name", "header", "said"),
    [
        (
            "a.csv",
            "id;text",
            r"names a single column, 'id;text', and seems to be separated by ';': give --delimiter ';'",
        ),
        ("a.csv", "id\ttext", r"separated by '\\t': give --format tsv"),
        ("a.csv", "id|text", r"give --delimiter '\|'"),
        ("a.tsv", "id,text", r"separated by ',': give --format csv"),
    ],
)
def test_a_table_of_another_delimiter_is_told(tmp_path: Path, name: str, header: str, said: str) -> None:
    (tmp_path / name).write_text(f"{header}\n1\n")
    with pytest.raises(SourceError, match=rf"{name} line 1 .*{said}"):
        list(find_source(str(tmp_path / name)).records())


@pytest.mark.parametrize("header", ["text", "id,te;xt"])
def test_a_table_of_one_column_or_with_other_marks_is_one(tmp_path: Path, header: str) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\n{header}\n")
    (record,) = find_source(str(tmp_path / "a.csv")).records()
    assert isinstance(record, Record)
    assert list(record.value) == header.split(",")


def test_a_delimiter_that_is_given_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id;text\n1;"one; two, three"\n')
    source = find_source(str(tmp_path / "a.csv"))
    assert list(replace(source, delimiter=";").records()) == [Record(2, {"id": "1", "text": "one; two, three"})]
    # One column, if that is what somebody says.
    (record,) = replace(source, delimiter="\t").records()
    assert isinstance(record, Record)
    assert list(record.value) == ["id;text"]


@pytest.mark.parametrize("text", ['[{"id": 1}, {"id": 2}]', "[\n {", " [ {", "\ufeff[\r\n{"])
def test_an_array_is_told_with_the_way_to_lines(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(
        SourceError, match=r"a\.json is a JSON array, and one object a line is wanted: .*jq -c '\.\[\]'"
    ):
        list(find_source(str(tmp_path / "a.json")).records())


def test_a_list_on_a_line_is_one_bad_record(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"[1]\n" + LINES)
    found = list(find_source(str(tmp_path / "a.jsonl")).records())
    assert found[0] == Unreadable(1, "is a list, not a JSON object", "[1]")
    assert len(found) == 3


@pytest.mark.parametrize("name", ["a.snappy", "a.jsonl", "a.csv", "a"])
def test_parquet_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    path = tmp_path / name
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table({"id": ["1"], "text": ["bread"]}), path)
    assert list(find_source(str(path)).records()) == [Record(1, {"id": "1", "text": "bread"})]
    with pytest.raises(SourceError, match="is Parquet: give --format parquet, or leave --format out"):
        list(find_source(str(path), Format.JSONL).records())


def test_parquet_on_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"PAR1...")))
    with pytest.raises(SourceError, match="standard input is Parquet: write it to a file, and name it"):
        list(find_source(STDIN).records())


def test_an_empty_file_holds_no_record(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.csv"):
        (tmp_path / name).touch()
        assert list(find_source(str(tmp_path / name)).records()) == []


def test_a_missing_file_and_a_folder_without_corpus_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no file .*nothing\.jsonl"):
        find_source(str(tmp_path / "nothing.jsonl"))
    with pytest.raises(SourceError, match=r"holds no corpus\.jsonl"):
        find_source(str(tmp_path))


def test_a_gzip_file_that_was_cut_off_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(LINES * 1000)[:-20])
    with pytest.raises(SourceError, match=r"a\.jsonl\.gz cannot be read \("):
        list(find_source(str(path)).records())


def test_a_table_may_have_tabs_and_a_format_is_stronger_than_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b'id\ttext\n1\t"bread, salt"\n'
    row = Record(2, {"id": "1", "text": "bread, salt"})
    for name, packed in [("a.tsv", content), ("a.TSV.gz", gzip.compress(content))]:
        (tmp_path / name).write_bytes(packed)
        assert list(find_source(str(tmp_path / name)).records()) == [row]
    (tmp_path / "a.txt").write_bytes(content)
    assert list(find_source(str(tmp_path / "a.txt"), Format.TSV).records()) == [row]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert list(find_source(STDIN, Format.TSV).records()) == [row]


def test_a_digest_tells_contents_apart_whatever_their_names(tmp_path: Path) -> None:
    for name, content in [("a", LINES), ("b", LINES), ("c", LINES + b"\n")]:
        (tmp_path / name).write_bytes(content)
    first, same, other = (find_source(str(tmp_path / name)).digest() for name in "abc")
    assert first == same != other
    assert find_source(STDIN).digest() is None
