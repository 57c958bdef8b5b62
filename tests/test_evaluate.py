"""Judged collections are read or refused with the line; measures are those of their definitions."""

import gzip
import sys
from pathlib import Path

import pytest
from csplade.pipelines.errors import MissingExtraError, SourceError
from csplade.pipelines.evaluate import MEASURES, measure, order, read_collection, require_ir_measures
from csplade.tests.plain_measures import plain_measures
from hypothesis import given
from hypothesis import strategies as st

QUERIES = b'{"_id": "q1", "text": "fresh bread"}\n{"_id": 2, "text": "salt"}\n{"_id": "q3", "text": "never judged"}\n'
QRELS = b"query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n2\td3\t1\nq1\td4\t-1\n"

DOCUMENTS = [f"d{number:03}" for number in range(130)]

grades = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(-1, 3), min_size=1, max_size=130)
rankings = st.permutations(DOCUMENTS).flatmap(lambda ids: st.integers(0, 130).map(lambda size: tuple(ids[:size])))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "queries.jsonl").write_bytes(QUERIES)
    (tmp_path / "qrels" / "test.tsv").write_bytes(QRELS)
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read_collection(folder)
    return str(caught.value)


def test_a_collection_is_its_judged_queries(folder: Path) -> None:
    collection = read_collection(folder)
    assert dict(collection.queries) == {"q1": "fresh bread", "2": "salt"}
    assert dict(collection.judgments) == {"q1": {"d1": 2, "d2": 0, "d4": -1}, "2": {"d3": 1}}
    assert collection.documents == {"d1", "d2", "d3", "d4"}
    assert (collection.without_text, collection.hopeless) == (0, 0)


def test_queries_may_be_gzipped(folder: Path) -> None:
    expected = read_collection(folder)
    (folder / "queries.jsonl").rename(folder / "queries.jsonl.gz")
    (folder / "queries.jsonl.gz").write_bytes(gzip.compress(QUERIES))
    assert read_collection(folder) == expected


@pytest.mark.parametrize(
    "qrels",
    [
        QRELS.partition(b"\n")[2],
        b"\xef\xbb\xbf" + QRELS,
        b"\xef\xbb\xbf" + QRELS.partition(b"\n")[2],
        QRELS.replace(b"\n", b"\r\n"),
        QRELS + b"\n\n",
        QRELS.rstrip(b"\n"),
    ],
    ids=["no header", "a mark", "a mark and no header", "carriage returns", "blank lines", "no last line end"],
)
def test_judgments_are_read_however_they_were_saved(folder: Path, qrels: bytes) -> None:
    expected = read_collection(folder)
    (folder / "qrels" / "test.tsv").write_bytes(qrels)
    assert read_collection(folder) == expected


def test_queries_that_cannot_be_measured_are_counted(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_bytes(QRELS + b"q3\td1\t0\nq3\td2\t-1\nlost\td1\t1\n")
    collection = read_collection(folder)
    assert collection.queries.keys() == collection.judgments.keys() == {"q1", "2", "q3"}
    assert (collection.without_text, collection.hopeless) == (1, 1)


@pytest.mark.parametrize(
    ("line", "number"), [("q1\td1", 6), ("q1\td1\t1\t0", 6), ("q1 d1 1", 6), ("q1\td1\thigh", 6), ("q1\td1\t1.5", 6)]
)
def test_a_broken_judgment_is_named_with_its_line(folder: Path, line: str, number: int) -> None:
    (folder / "qrels" / "test.tsv").write_bytes(QRELS + line.encode() + b"\nq1\td9\t1\n")
    said = refusal(folder)
    assert f"test.tsv line {number} is {line!r}: write query id, document id and a whole number" in said


@pytest.mark.parametrize("grade", [1700000000000, -1700000000000, 1001, 2**40, 2**70])
def test_a_number_that_is_no_grade_is_named_with_its_line(folder: Path, grade: int) -> None:
    """On the first line too, which would have been a header if it were no number."""
    path = folder / "qrels" / "test.tsv"
    for number, before in ((1, b""), (6, QRELS)):
        path.write_bytes(before + f"q1\td8\t{grade}\nq1\td9\t1\n".encode())
        said = f"test.tsv line {number} has the grade {grade}: write a whole number from -1000 to 1000"
        assert said in refusal(folder)
    path.write_bytes(QRELS + b"q1\td8\t1000\nq1\td9\t-1000\n")
    assert read_collection(folder).judgments["q1"]["d8"] == 1000


def test_two_grades_for_one_document_are_refused_and_the_same_twice_is_not(folder: Path) -> None:
    path = folder / "qrels" / "test.tsv"
    path.write_bytes(QRELS + b"q1\td1\t2\n")
    assert read_collection(folder).judgments["q1"]["d1"] == 2
    path.write_bytes(QRELS + b"q1\td1\t1\n")
    assert "test.tsv line 6 judges 'd1' for 'q1' a second time, with 1 instead of 2" in refusal(folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "line 4 is not JSON ("),
        (b"[1]", "line 4 is a list"),
        (b'{"_id": "q9"}', "line 4 is no query: write it like"),
        (b'{"text": "x"}', "line 4 is no query"),
        (b'{"_id": true, "text": "x"}', "line 4 is no query"),
        (b'{"_id": "q1", "text": "another"}', "line 4 gives the query 'q1' a second text"),
    ],
)
def test_a_broken_query_is_named_with_its_line(folder: Path, line: bytes, said: str) -> None:
    (folder / "queries.jsonl").write_bytes(QUERIES + line + b"\n")
    assert f"queries.jsonl {said}" in refusal(folder)


@pytest.mark.parametrize("name", ["queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"{folder} holds no {name}" in refusal(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path / 'nothing'} holds no queries.jsonl" in refusal(tmp_path / "nothing")


@pytest.mark.parametrize("qrels", [b"", b"query-id\tcorpus-id\tscore\n", b"lost\td1\t1\n"])
def test_judgments_of_no_query_are_no_collection(folder: Path, qrels: bytes) -> None:
    (folder / "qrels" / "test.tsv").write_bytes(qrels)
    assert "must share their ids" in refusal(folder)


def test_judgments_that_are_not_text_are_told(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_bytes(b"q1\td\xff\t1\n")
    assert "test.tsv cannot be read (" in refusal(folder)


def test_equal_scores_come_in_the_order_of_ids_whatever_the_index_gave() -> None:
    scores = [("b", 1.0), ("d", 2.0), ("a", 1.0), ("c", 1.0)]
    assert order(scores) == order(reversed(scores)) == ("d", "a", "b", "c")
    assert order(scores, depth=2) == ("d", "a")
    assert order(scores, depth=2, without="d") == ("a", "b")
    assert len(order((document, 1.0) for document in DOCUMENTS)) == 100


@given(
    st.dictionaries(st.sampled_from(["q1", "q2", "q3"]), grades, min_size=1),
    st.dictionaries(st.sampled_from(["q1", "q2", "q3", "never judged"]), rankings),
)
def test_measures_are_those_of_their_definitions(
    judgments: dict[str, dict[str, int]], found: dict[str, tuple[str, ...]]
) -> None:
    measured = measure(judgments, found)
    assert tuple(measured) == MEASURES == ("nDCG@10", "RR@10", "R@100")
    assert measured == pytest.approx(plain_measures(judgments, found))


def test_measures_worked_out_by_hand() -> None:
    judgments = {"q1": {"a": 2, "b": 1, "c": 0}, "q2": {"a": 1}, "q3": {"a": 0}}
    found = {"q1": ("c", "b", "x", "a"), "q2": ("x", "y", "z")}
    # q1: gains 0, 1, 0, 2 -> 1/log2(3) + 2/log2(5) = 1.49228; ideal 2 + 1/log2(3) = 2.63093. q2 and q3: nothing.
    assert measure(judgments, found) == pytest.approx(
        {"nDCG@10": 0.567207 / 3, "RR@10": 0.5 / 3, "R@100": 1 / 3}, abs=1e-6
    )


def test_a_missing_package_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(MissingExtraError, match=r"'ir_measures': install it with  pip install 'csplade\[eval\]'"):
        require_ir_measures()
