"""`csplade data`: tables and JSON of real files, and the exit code for broken ones."""

import functools
import gzip
import io
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.tests.command_run import Result, Run, runner

GOOD = [
    b'{"query": "keep bread fresh", "positive": "In a linen bag."}',
    b'{"query": "salt", "positive": "From the sea.", "negative": "Oil."}',
    b'{"query": "salt", "documents": ["Oil.", "From the sea."], "scores": [1.5, 9]}',
]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `csplade data` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return functools.partial(runner(monkeypatch, capsys), "data")


def write(name: str, *lines: bytes) -> str:
    content = b"\n".join(lines) + b"\n"
    Path(name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return name


def row(result: Result, table: str, name: str) -> list[str]:
    """Return the cells of a row of the table with that title."""
    below = iter(result.out.partition(f"{table}\n")[2].splitlines())
    return next(cells[1:] for cells in map(str.split, below) if cells[:1] == [name])


def json_of(result: Result) -> dict[str, Any]:
    assert result.out.count("\n") == 1
    value = orjson.loads(result.out)
    assert isinstance(value, dict)
    return value


def test_sound_files_are_described_in_tables(run: Run) -> None:
    result = run(write("a.jsonl", *GOOD), write("b.jsonl.gz", GOOD[0]))
    assert (result.code, result.err) == (0, "")
    assert row(result, "Examples", "a") == ["3", "1", "1", "1", "0"]
    assert row(result, "Examples", "all") == ["4", "2", "1", "1", "0"]
    assert row(result, "Repeats", "a") == ["1", "1", "0"]
    assert row(result, "Repeats", "b") == ["1", "1", "0"]
    assert row(result, "Words", "b") == ["3", "3", "4", "4"]
    assert "Problems" not in result.out


def test_a_single_file_needs_no_total(run: Run) -> None:
    assert "all" not in run(write("a.jsonl", *GOOD)).out.split()


def test_json_is_one_object(run: Run) -> None:
    result = run(write("a.jsonl", *GOOD, GOOD[1]), write("b.jsonl", b"{"), "--json")
    assert result.code == 1
    shown = json_of(result)
    first, second = shown["sources"]
    assert first == {
        "name": "a",
        "examples": 4,
        "pairs": 1,
        "triples": 2,
        "scored": 1,
        "repeated_queries": 2,
        "repeated_pairs": 2,
        "positive_as_negative": 0,
        "query_words": {"median": 1, "p95": 3},
        "document_words": {"median": 3, "p95": 4},
        "broken": 0,
        "problems": [],
    }
    (problem,) = second["problems"]
    assert (problem["file"], problem["line"], problem["reason"][:12]) == ("b.jsonl", 1, "is not JSON ")
    assert (second["query_words"], second["document_words"]) == (None, None)
    total = shown["total"]
    assert (total["name"], total["examples"], total["broken"]) == ("all", 4, 1)
    assert (total["problems"], total.keys()) == ([problem], first.keys())


def test_broken_lines_are_told_with_their_number_and_exit_code_1(run: Run) -> None:
    bad = [*[GOOD[0]] * 811, b'{"query": "salt"}', *[b"[1]"] * 30]
    result = run(write("x.jsonl.gz", *bad))
    assert result.code == 1
    assert row(result, "Examples", "x") == ["811", "811", "0", "0", "31"]
    problems = result.out.partition("Problems")[2]
    assert "line 812 of x.jsonl.gz" in problems
    assert "line 831 of x.jsonl.gz" in problems
    assert "line 832 of x.jsonl.gz" not in problems
    told, error = result.err.splitlines()
    assert told == "11 more problems are not shown: mend these first."
    assert error.startswith(
        "Error: 31 lines are broken, training would stop there (the first: line 812 of x.jsonl.gz has no positive: "
    )


def test_a_folder_is_read_in_the_split_that_was_asked_for(run: Run) -> None:
    Path("bakery/qrels").mkdir(parents=True)
    write("bakery/queries.jsonl", b'{"_id": "q", "text": "bread"}')
    write("bakery/corpus.jsonl", b'{"_id": "d", "title": "Bread", "text": "keeps"}')
    write("bakery/qrels/dev.tsv", b"q\td\t1")
    result = run("bakery", "--split", "dev")
    assert (result.code, result.err) == (0, "")
    assert row(result, "Examples", "bakery") == ["1", "1", "0", "0", "0"]
    result = run("bakery")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(
        "Error: the folder bakery holds no qrels/train.tsv: choose with --split one of its own"
    )


def test_standard_input_is_described_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n".join([*GOOD, b"{"]))))
    result = run("-")
    assert result.code == 1
    assert "(the first: line 4 of standard input is not JSON (" in result.err


def test_a_missing_file_is_one_sentence(run: Run) -> None:
    result = run(write("a.jsonl", *GOOD), "nothing.jsonl")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Error: there is no file nothing.jsonl: correct the path")


def test_an_empty_file_is_told_as_such_and_not_as_a_broken_line(run: Run) -> None:
    Path("empty.jsonl").touch()
    Path("blank.jsonl").write_bytes(b"\n\n")
    result = run("empty.jsonl")
    assert result.code == 1
    assert result.err.startswith("Error: empty.jsonl holds no example: write one a line, like ")
    assert "broken" not in result.err
    result = run("empty.jsonl", "blank.jsonl", write("a.jsonl", *GOOD))
    assert result.err.startswith("Error: there are 2 problems, training would stop there (the first: empty.jsonl holds")


def test_no_path_is_wrong_usage(run: Run) -> None:
    result = run()
    assert (result.code, result.out) == (2, "")
    assert "Missing argument 'PATH...'" in result.err
