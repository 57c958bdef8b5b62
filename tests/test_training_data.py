"""Training data: every form of a line and of a folder, what is wrong with others, and the description of both."""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.pipelines.data_report import KEPT_FLAWS, DataReport, Lengths, check_data
from csplade.pipelines.errors import SourceError
from csplade.pipelines.training_data import Example, read_examples
from hypothesis import given
from hypothesis import strategies as st

QUERIES = b'{"_id": "q1", "text": "fresh bread"}\n{"_id": 2, "text": "salt"}\n{"_id": "q3", "text": ""}\n'
CORPUS = (
    b'{"_id": "d1", "title": "Bread", "text": "keeps in linen"}\n{"_id": "d2", "title": "", "text": "Oil."}\n'
    b'{"_id": "d3", "text": "Salt."}\n{"_id": "empty", "title": "", "text": " "}\n{"_id": "unjudged", "text": ""}\n'
)
QRELS = b"query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n2\td3\t1\n2\td1\t1\n2\tlost\t-1\n"


def write(path: Path, *lines: dict[str, Any] | bytes) -> Path:
    path.write_bytes(b"".join((line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n" for line in lines))
    return path


def read(path: Path, split: str = "train") -> list[tuple[str, tuple[str, ...], tuple[float, ...] | None]]:
    return [(example.query, example.documents, example.scores) for example in read_examples([path], split)]


def refusal(path: Path, split: str = "train") -> str:
    with pytest.raises(SourceError) as caught:
        list(read_examples([path], split))
    return str(caught.value)


def reasons(report: DataReport) -> list[tuple[str, int | None]]:
    return [(Path(flaw.file).name, flaw.line) for flaw in report.total.flaws]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bakery"
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_bytes(QUERIES)
    (folder / "corpus.jsonl").write_bytes(CORPUS)
    (folder / "qrels" / "test.tsv").write_bytes(QRELS)
    return folder


@pytest.mark.parametrize(
    ("line", "documents", "scores"),
    [
        ({"query": "q", "positive": "p"}, ("p",), None),
        ({"anchor": "q", "positive": "p", "title": 7}, ("p",), None),
        ({"query": "q", "positive": "p", "negative": None, "scores": None}, ("p",), None),
        ({"query": "q", "positive": "p", "negatives": []}, ("p",), None),
        ({"query": "q", "positive": "p", "negative": "n"}, ("p", "n"), None),
        ({"query": "q", "positive": "p", "negatives": ["m", "n"]}, ("p", "m", "n"), None),
        ({"query": "q", "positive": "p", "scores": [3]}, ("p",), (3.0,)),
        ({"query": "q", "positive": "p", "negative": "n", "scores": [-1, 2.5]}, ("p", "n"), (-1.0, 2.5)),
        ({"query": "q", "documents": ["p"], "scores": [0]}, ("p",), (0.0,)),
    ],
)
def test_each_form_of_a_line_is_read(
    tmp_path: Path, line: dict[str, Any], documents: tuple[str, ...], scores: tuple[float, ...] | None
) -> None:
    assert read(write(tmp_path / "a.jsonl", line)) == [("q", documents, scores)]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_the_best_document_of_a_scored_list_goes_first_and_the_others_keep_their_order(
    tmp_path_factory: pytest.TempPathFactory, scores: list[float]
) -> None:
    texts = [f"d{number}" for number in range(len(scores))]
    path = tmp_path_factory.getbasetemp() / "scored.jsonl"
    ((_, documents, found),) = read(write(path, {"query": "q", "documents": texts, "scores": scores}))
    assert found is not None
    assert dict(zip(documents, found, strict=True)) == dict(zip(texts, scores, strict=True))
    assert found[0] == max(scores)
    assert list(documents[1:]) == [text for text in texts if text != documents[0]]


def test_examples_tell_where_they_come_from(tmp_path: Path) -> None:
    first = write(tmp_path / "a.b.jsonl", {"query": "q", "positive": "p"})
    second = tmp_path / "c.jsonl.gz"
    second.write_bytes(gzip.compress(b'\n\n{"query": "r", "positive": "s"}\n'))
    assert list(read_examples([first, second])) == [
        Example("q", ("p",), None, "a.b", 1),
        Example("r", ("s",), None, "c", 3),
    ]


BROKEN: list[tuple[dict[str, Any] | bytes, str]] = [
    (b'{"query": "q", ', "is not JSON ("),
    (b'["q", "p"]', "is a list, not a JSON object: correct the line"),
    (b'{"query": "caf\xe9"}', "is not UTF-8 (byte 0xe9"),
    ({"positive": "p"}, "has no query: write it like {"),
    ({"query": None, "positive": "p"}, "has no query"),
    ({"query": "q"}, "has no positive: write it like {"),
    ({"query": "q", "negative": "n"}, "has no positive"),
    ({"query": "q", "scores": [1]}, "has no positive"),
    ({"query": " ", "positive": "p"}, "has an empty text in the field 'query': fill it"),
    ({"anchor": "", "positive": "p"}, "has an empty text in the field 'anchor'"),
    ({"query": "q", "positive": "\n"}, "has an empty text in the field 'positive'"),
    ({"query": "q", "positive": "p", "negative": ""}, "has an empty text in the field 'negative'"),
    ({"query": "q", "positive": "p", "negatives": ["n", ""]}, "has an empty text in place 2 of the field 'negatives'"),
    ({"query": 7, "positive": "p"}, "has a number in the field 'query' where text belongs: make it a string"),
    ({"query": "q", "positive": ["p"]}, "has a list in the field 'positive' where text belongs"),
    ({"query": "q", "positive": "p", "negatives": "n"}, "has a string in the field 'negatives' where a list belongs"),
    ({"query": "q", "positive": "p", "negatives": [None]}, "has null in place 1 of the field 'negatives'"),
    ({"query": "q", "positive": "p", "negative": "n", "negatives": ["m"]}, "has both 'negative' and 'negatives'"),
    ({"query": "q", "positive": "p", "documents": ["p"], "scores": [1]}, "has both 'positive' and 'documents'"),
    ({"query": "q", "documents": ["p"], "scores": [1], "negative": "n"}, "has both 'negative' and 'documents'"),
    ({"query": "q", "documents": ["p"]}, "has 'documents' without 'scores'"),
    ({"query": "q", "documents": [], "scores": []}, "has no document in the field 'documents'"),
    ({"query": "q", "documents": ["p", "n"], "scores": [1]}, "has 1 scores for 2 documents: give each one"),
    ({"query": "q", "positive": "p", "scores": [1, 2]}, "has 2 scores for 1 documents"),
    ({"query": "q", "positive": "p", "scores": 1}, "has a number in the field 'scores' where a list belongs"),
    ({"query": "q", "positive": "p", "scores": [True]}, "has true or false in place 1 of the field 'scores'"),
    ({"query": "q", "positive": "p", "scores": ["1"]}, "has a string in place 1 of the field 'scores'"),
    (b'{"query": "q", "positive": "p", "scores": [NaN]}', "has nan in place 1 of the field 'scores', which is not f"),
    (b'{"query": "q", "positive": "p", "negative": "n", "scores": [1, -Infinity]}', "has -inf in place 2 of the fi"),
    (b'{"query": "q", "positive": "p", "scores": [1e999]}', "has inf in place 1 of the field 'scores'"),
    (b'{"query": "q", "positive": "p", "weight": NaN}', "is not JSON ("),
    (b'{"query": "q", "positive": "p", "scores": [1], "weight": NaN}', "is not JSON ("),
    (b'{"query": "q", "positive": "p\xe9", "scores": [NaN]}', "has nan in place 1"),
    (b"[" * 100_000, "is not JSON ("),
]


@pytest.mark.parametrize(("line", "said"), BROKEN, ids=[said for _, said in BROKEN])
def test_a_broken_line_is_named_with_what_is_wrong(tmp_path: Path, line: dict[str, Any] | bytes, said: str) -> None:
    good = {"query": "q", "positive": "p"}
    path = write(tmp_path / "a.jsonl", *[good] * 811, line, good)
    assert refusal(path).startswith(f"line 812 of {path} {said}")
    examples = read_examples([path])
    assert [next(examples).line for _ in range(811)] == list(range(1, 812))


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_a_file_without_examples_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    assert refusal(tmp_path / "a.jsonl").startswith(f"{tmp_path / 'a.jsonl'} holds no example: write one a line")


def test_a_path_that_cannot_be_used_is_told_before_anything_is_read(tmp_path: Path, folder: Path) -> None:
    good = write(tmp_path / "a.jsonl", {"query": "q", "positive": "p"})
    with pytest.raises(SourceError, match=r"there is no file .*nothing\.jsonl"):
        read_examples([good, tmp_path / "nothing.jsonl"])
    with pytest.raises(SourceError, match=r"bakery holds no qrels/train\.tsv: .* --split one of its own \(test\)"):
        read_examples([good, folder])
    (folder / "queries.jsonl").unlink()
    with pytest.raises(SourceError, match=r"bakery holds no queries\.jsonl or"):
        check_data([good, folder], "test")


def test_positives_of_a_folder_are_pairs_and_what_was_judged_0_their_negatives(folder: Path) -> None:
    assert list(read_examples([folder], "test")) == [
        Example("fresh bread", ("Bread\nkeeps in linen", "Oil."), None, "bakery", 2),
        Example("salt", ("Salt.",), None, "bakery", 4),
        Example("salt", ("Bread\nkeeps in linen",), None, "bakery", 5),
    ]


def test_a_folder_may_be_gzipped_and_be_the_current_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(read_examples([folder], "test"))
    for name, content in (("corpus", CORPUS), ("queries", QUERIES)):
        (folder / f"{name}.jsonl").unlink()
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(content))
    monkeypatch.chdir(folder)
    assert list(read_examples([Path(".")], "test")) == expected


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("qrels/test.tsv", b"q1 d1 1", "line 7 of {} is 'q1 d1 1': write query id, document id and a whole number"),
        ("qrels/test.tsv", b"q1\td1\t0", "line 7 of {} judges 'd1' for 'q1' a second time, with 0 instead of 2: keep"),
        ("qrels/test.tsv", b"q9\td1\t1", "line 7 of {} names 'q9', which is not in "),
        ("qrels/test.tsv", b"q3\td1\t1", "line 7 of {} names 'q3', which has no text in "),
        ("qrels/test.tsv", b"q1\td9\t0", "line 7 of {} names 'd9', which is not in "),
        ("qrels/test.tsv", b"q1\tempty\t1", "line 7 of {} names 'empty', which has no text in "),
        ("queries.jsonl", b"{", "line 4 of {} is not JSON ("),
        ("queries.jsonl", b'{"text": "x"}', "line 4 of {} has no id: write it like "),
        ("queries.jsonl", b'{"_id": true, "text": "x"}', "line 4 of {} has no id"),
        ("queries.jsonl", b'{"_id": "q1", "text": "x"}', "line 4 of {} gives the id 'q1' a second text"),
        ("corpus.jsonl", b'{"_id": "d1", "text": "x"}', "line 6 of {} gives the id 'd1' a second text"),
        ("corpus.jsonl", b'{"_id": "d9", "text": ["x"]}', "line 6 of {} has a list in the field 'text' where text"),
    ],
)
def test_a_broken_line_of_a_folder_is_named_with_its_file(folder: Path, name: str, line: bytes, said: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes() + line + b"\n")
    assert refusal(folder, "test").startswith(said.format(path))
    report = check_data([folder], "test")
    assert (report.total.broken, report.total.examples) == (1, 3)


def test_an_equal_judgment_once_more_adds_nothing(folder: Path) -> None:
    expected = list(read_examples([folder], "test"))
    (folder / "qrels" / "test.tsv").write_bytes(QRELS + b"q1\td1\t2\nq1\td2\t0\n")
    assert list(read_examples([folder], "test")) == expected


def test_a_folder_without_a_positive_is_refused(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_bytes(b"q1\td1\t0\n")
    assert "test.tsv judges no document above 0" in refusal(folder, "test")


def test_a_report_counts_each_kind_and_the_lengths(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        *({"query": "w " * length, "positive": "p"} for length in range(1, 17)),
        {"query": "w " * 17, "positive": "p", "negative": "two words"},
        {"query": "w " * 18, "positive": "p", "negatives": ["m", "n"]},
        {"query": "w " * 19, "positive": "p", "negatives": ["m", "n"], "scores": [3, 2, 1]},
        {"query": "w " * 20, "documents": ["p", "n"], "scores": [2, 1]},
    )
    report = check_data([path])
    (source,) = report.sources
    assert (source.name, source.examples, source.pairs, source.triples, source.scored) == ("a", 20, 16, 2, 2)
    assert source.query_words == Lengths(10, 19)
    assert source.document_words == Lengths(1, 1)
    assert (source.broken, source.flaws) == (0, ())
    assert (report.total.pairs, report.total.query_words) == (16, source.query_words)


def test_repeats_are_counted_within_a_file_and_across_files(tmp_path: Path) -> None:
    first = write(
        tmp_path / "a.jsonl",
        {"query": "q", "positive": "p"},
        {"query": "q", "positive": "other", "negatives": ["n", "other"]},
        {"query": "q", "positive": "p", "negative": "n"},
    )
    second = write(tmp_path / "b.jsonl", {"query": "r", "positive": "p"}, {"query": "q", "positive": "p"})
    report = check_data([first, second])
    counted = [(each.repeated_queries, each.repeated_pairs, each.positive_as_negative) for each in report.sources]
    assert counted == [(2, 1, 1), (1, 1, 0)]
    total = report.total
    assert (total.name, total.examples) == ("all", 5)
    assert (total.repeated_queries, total.repeated_pairs, total.positive_as_negative) == (3, 2, 1)


def test_every_broken_line_is_counted_and_the_first_of_each_file_are_kept(tmp_path: Path) -> None:
    good, bad = b'{"query": "q", "positive": "p"}', b"{"
    first = write(tmp_path / "a.jsonl", *[good, bad] * 30, good)
    second = write(tmp_path / "b.jsonl", bad, {"query": "q"}, good)
    report = check_data([first, second])
    assert [each.broken for each in report.sources] == [30, 2]
    assert [each.examples for each in report.sources] == [31, 1]
    assert report.total.broken == 32
    expected = [("a.jsonl", 2 * number) for number in range(1, KEPT_FLAWS + 1)]
    assert reasons(report) == [*expected, ("b.jsonl", 1), ("b.jsonl", 2)]
    assert report.total.flaws[-1].sentence.startswith(f"line 2 of {second} has no positive: ")


def test_a_file_that_was_cut_off_or_holds_nothing_does_not_hide_the_others(tmp_path: Path) -> None:
    line = b'{"query": "q", "positive": "p"}\n'
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(line * 5_000)[:-20])
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "sound.jsonl").write_bytes(line)
    report = check_data([tmp_path / name for name in ("cut.jsonl.gz", "empty.jsonl", "sound.jsonl")])
    assert [each.broken for each in report.sources] == [1, 1, 0]
    assert report.sources[0].pairs > 0
    assert reasons(report) == [("cut.jsonl.gz", None), ("empty.jsonl", None)]
    assert "cut.jsonl.gz cannot be read (" in report.total.flaws[0].sentence
    assert report.sources[1].query_words is None
