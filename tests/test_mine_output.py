"""The file of mined examples: written line by line, continued behind the last whole line, never overwritten."""

import dataclasses
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.mine import Mined
from csplade.integration.mine_job import MineJob, check_job
from csplade.integration.mine_output import Earlier, MineOutput, find_earlier, open_output
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.training_data import read_examples

JOB = MineJob("bakery", "bm25", 2, None, 0, ("dense:minilm",), 0.95, None)
FIRST = Mined("Brot?", "ein Laib", ("Salz", "Öl\n"), (2.0, 1.5, -0.25), 1)
SECOND = Mined("bread", "a loaf", (), (3.0,), 0)


def write(path: Path, *mined: Mined, earlier: Earlier | None = None) -> None:
    with open_output(path, earlier, JOB) as output:
        for each in mined:
            output.add(each)


def test_lines_are_training_data_and_there_as_soon_as_they_are_added(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with open_output(path, None, JOB) as output:
        output.add(FIRST)
        assert orjson.loads(path.read_bytes()) == FIRST.to_json()
        output.add(SECOND)
    first, second = read_examples([path])
    assert (first.query, first.documents, first.scores) == ("Brot?", ("ein Laib", "Salz", "Öl\n"), (2.0, 1.5, -0.25))
    assert (second.query, second.documents, second.scores) == ("bread", ("a loaf",), (3.0,))


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_stopped_run_is_continued_behind_its_last_whole_line(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "out.jsonl"
    write(path, FIRST, SECOND)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    earlier = find_earlier(path, resume=True, scored=True)
    assert earlier is not None
    assert earlier.done == {("Brot?", "ein Laib")}
    write(path, SECOND, earlier=earlier)
    assert path.read_bytes() == whole
    assert find_earlier(path, resume=True, scored=True) == Earlier(
        frozenset({("Brot?", "ein Laib"), ("bread", "a loaf")}), len(whole)
    )


def test_without_a_file_there_is_nothing_to_continue(tmp_path: Path) -> None:
    assert find_earlier(tmp_path / "out.jsonl", resume=True, scored=False) is None
    assert find_earlier(tmp_path / "out.jsonl", resume=False, scored=False) is None


def test_a_file_that_exists_is_refused_unless_it_is_to_be_continued(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.touch()
    with pytest.raises(UsageError, match=r"out.jsonl exists, and nothing is overwritten: .* add --resume"):
        find_earlier(path, resume=False, scored=True)
    with pytest.raises(UsageError, match="was made by another program"), open_output(path, None, JOB):
        pass
    assert find_earlier(path, resume=True, scored=True) == Earlier(frozenset(), 0)


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"[1]",
        b'{"query": "q"}',
        b'{"query": 1, "positive": "p", "scores": [1]}',
        b'{"query": "q", "positive": "p", "negatives": 3, "scores": [1]}',
    ],
)
def test_a_file_of_something_else_is_refused_with_its_line(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "out.jsonl"
    write(path, FIRST)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(SourceError, match="line 2 is no line of `csplade mine`: name another --output"):
        find_earlier(path, resume=True, scored=True)


def test_lines_with_and_without_scores_are_not_mixed(tmp_path: Path) -> None:
    scored, plain = tmp_path / "scored.jsonl", tmp_path / "plain.jsonl"
    write(scored, FIRST)
    write(plain, Mined("q", "p", ("n",), None, 0))
    with pytest.raises(UsageError, match=r"line 1 has scores, .*: add --teacher as before"):
        find_earlier(scored, resume=True, scored=False)
    with pytest.raises(UsageError, match=r"line 1 has no scores, .*: leave --teacher out"):
        find_earlier(plain, resume=True, scored=True)


def test_lines_that_a_run_would_leave_out_are_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write(path, FIRST, SECOND)
    with pytest.raises(UsageError, match=r"line 1 has 2 negatives, this run would leave it out: .* leave --drop-short"):
        find_earlier(path, resume=True, scored=True, least=3)
    with pytest.raises(UsageError, match="line 2 has 0 negatives"):
        find_earlier(path, resume=True, scored=True, least=2)
    assert find_earlier(path, resume=True, scored=True, least=0) is not None


@pytest.mark.parametrize(
    "other",
    [
        {"index": "other"},
        {"mode": "sparse", "encoder": "a1b2"},
        {"negatives": 3},
        {"depth": 200},
        {"skip_top": 1},
        {"teachers": ("dense:minilm", "bm25@0.5")},
        {"margin": 0.9},
    ],
)
def test_lines_of_another_job_are_not_continued(tmp_path: Path, other: dict[str, Any]) -> None:
    path = tmp_path / "out.jsonl"
    write(path, FIRST)
    check_job(path, JOB)
    name = next(iter(other))
    with pytest.raises(UsageError, match=rf"out.jsonl was mined otherwise: .*{name} is .* there and .*: ask for what"):
        check_job(path, dataclasses.replace(JOB, **other))


def test_lines_of_which_nothing_tells_the_job_are_not_continued(tmp_path: Path) -> None:
    path, job = tmp_path / "out.jsonl", tmp_path / "out.jsonl.job"
    write(path, FIRST)
    for broken in (b"{", b"[]"):
        job.write_bytes(broken)
        with pytest.raises(SourceError, match=r"out.jsonl.job .*: name another --output"):
            check_job(path, JOB)
    job.unlink()
    with pytest.raises(UsageError, match=r"there is no .*out.jsonl.job, which tells how the lines of .* were mined"):
        check_job(path, JOB)
    # Killed before its first line, a run has nothing that could be mixed.
    path.write_bytes(b"half")
    write(path, FIRST, earlier=find_earlier(path, resume=True, scored=True))
    check_job(path, JOB)


def test_a_folder_that_is_missing_and_a_file_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no folder .*/nothing for the output"):
        find_earlier(tmp_path / "nothing" / "out.jsonl", resume=False, scored=True)
    with pytest.raises(SourceError, match=r"cannot be read .Is a directory."):
        find_earlier(tmp_path, resume=True, scored=True)


def test_a_full_disk_is_told_with_the_next_step() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with (
        full.open("ab", buffering=0) as file,
        pytest.raises(SourceError, match=r"/dev/full cannot .*: make room there"),
    ):
        MineOutput(full, file).add(FIRST)
