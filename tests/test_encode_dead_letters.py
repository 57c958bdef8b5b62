"""The dead letters of `csplade encode`: a file of its own, which a run that goes on in its part begins anew."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from csplade.pipelines.encode_output import Job, PartFile
from csplade.pipelines.errors import UsageError
from csplade.tests.command_run import Result, Run
from csplade.tests.stopped_encoding import stop_encoding
from csplade.tests.tiny_encoder import TEXTS

pytestmark = pytest.mark.model

SKIP = ("--on-bad-record", "skip")
BAD = {"_id": "bad", "text": 5}


@pytest.fixture
def run(encode_here: Run) -> Run:
    return encode_here


def write(name: str, *records: dict[str, object]) -> str:
    Path(name).write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return name


def good(count: int) -> list[dict[str, object]]:
    return [{"_id": str(number), "text": TEXTS[number % 5]} for number in range(count)]


def letters(name: str) -> list[str]:
    return [orjson.loads(line)["_id"] for line in Path(name).read_bytes().splitlines()]


def refused(result: Result) -> str:
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Error: ") and result.err.count("\n") == 1
    return result.err


@pytest.mark.parametrize(
    ("asked", "name"), [(("--dead-letters", "bad.jsonl"), "bad.jsonl"), ((), "encode.failed.jsonl")]
)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_goes_on_begins_its_own_dead_letters_anew(
    run: Run, encoder_folder: Path, how: signal.Signals, asked: tuple[str, ...], name: str
) -> None:
    source = write("a.jsonl", BAD, *good(3000), {**BAD, "_id": "last"})
    stop_encoding(source, encoder_folder, how, *SKIP, *asked)
    assert letters(name) == ["bad"]
    again = run(source, "--output", "v.jsonl", *SKIP, *asked, "--json")
    assert again.code == 1 and "Going on behind the" in again.err
    shown = orjson.loads(again.out)
    assert (shown["read"], shown["failed"]) == (3002, 2) and shown["skipped"] > 0
    assert Path(shown["dead_letters"]).samefile(name)
    assert letters(name) == ["bad", "last"]
    assert len(Path("v.jsonl").read_bytes().splitlines()) == 3000
    assert sorted(os.listdir()) == sorted(["a.jsonl", "v.jsonl", name])


def test_dead_letters_of_a_part_that_is_deleted_to_begin_anew_are_begun_anew(run: Run, encoder_folder: Path) -> None:
    source = write("a.jsonl", BAD, *good(3000))
    stop_encoding(source, encoder_folder, signal.SIGKILL, *SKIP, "--dead-letters", "bad.jsonl")
    Path("v.jsonl.part").unlink()
    again = run(source, "--output", "v.jsonl", *SKIP, "--dead-letters", "bad.jsonl")
    assert again.code == 1 and "Going on" not in again.err
    assert letters("bad.jsonl") == ["bad"]


def test_a_file_of_somebody_elses_is_refused_before_anything_is_encoded(run: Run, encoder_folder: Path) -> None:
    source = write("a.jsonl", BAD, *good(3000))
    Path("mine.jsonl").write_text("mine\n")
    for output in ((), ("--output", "v.jsonl")):
        said = refused(run(source, *output, *SKIP, "--dead-letters", "mine.jsonl"))
        assert "the file mine.jsonl exists, and dead letters overwrite nothing" in said
    said = refused(run(source, *SKIP, "--dead-letters", "nowhere/d.jsonl"))
    assert "there is no folder nowhere for the dead letters" in said
    assert sorted(os.listdir()) == ["a.jsonl", "mine.jsonl"]
    # Nor does a part whose dead letters are elsewhere make it one of the job's own.
    stop_encoding(source, encoder_folder, signal.SIGINT, *SKIP, "--dead-letters", "bad.jsonl")
    done = Path("v.jsonl.part").read_bytes()
    again = run(source, "--output", "v.jsonl", *SKIP, "--dead-letters", "mine.jsonl")
    assert again.code == 2 and "the file mine.jsonl exists" in again.err
    assert Path("mine.jsonl").read_text() == "mine\n"
    assert (Path("v.jsonl.part").read_bytes(), letters("bad.jsonl")) == (done, ["bad"])


@pytest.mark.parametrize("taken_away", [Path.unlink, lambda path: path.rename("mended.jsonl")])
def test_dead_letters_of_another_job_that_have_the_name_by_now_are_left_alone(
    run: Run, encoder_folder: Path, taken_away: Callable[[Path], object]
) -> None:
    source, name = write("a.jsonl", BAD, *good(3000)), "encode.failed.jsonl"
    stop_encoding(source, encoder_folder, signal.SIGKILL, *SKIP)
    taken_away(Path(name))
    other = write("b.jsonl", {**BAD, "_id": "other"}, *good(1))
    assert run(other, "--output", "w.jsonl", *SKIP).code == 1
    assert letters(name) == ["other"]
    refusal = run(source, "--output", "v.jsonl", *SKIP, "--dead-letters", name)
    assert refusal.code == 2 and f"the file {name} exists" in refusal.err
    again = run(source, "--output", "v.jsonl", *SKIP)
    assert again.code == 1 and "Going on behind the" in again.err
    assert (letters(name), letters("encode.failed.2.jsonl")) == (["other"], ["bad"])


def test_dead_letters_that_were_mended_are_left_alone(run: Run, encoder_folder: Path) -> None:
    source, name = write("a.jsonl", BAD, *good(3000)), "encode.failed.jsonl"
    stop_encoding(source, encoder_folder, signal.SIGKILL, *SKIP)
    # In place, as some editors write.
    write(name, {"_id": "bad", "text": "mended"})
    assert run(source, "--output", "v.jsonl", *SKIP).code == 1
    assert orjson.loads(Path(name).read_bytes())["text"] == "mended"
    assert letters("encode.failed.2.jsonl") == ["bad"]


def test_a_part_without_a_line_is_kept_for_its_dead_letters_and_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, other = (Job((digest,), "encoder", "") for digest in ("a", "b"))
    monkeypatch.chdir(tmp_path)
    output = Path("v.jsonl")
    Path("d.jsonl").touch()
    with PartFile.open(output, job) as part:
        part.name_dead_letters(Path("d.jsonl"), b"{}\n")
    with PartFile.open(output, job) as part:
        assert part.dead_letters is not None and part.dead_letters.path.samefile("d.jsonl")
    with PartFile.open(output, other) as part:
        assert part.dead_letters is None
        part.append(b"{}\n")
    with pytest.raises(UsageError, match=r"v\.jsonl\.part was left by a run with another source"):
        PartFile.open(output, job)


def test_vectors_and_dead_letters_are_two_files(run: Run) -> None:
    source = write("a.jsonl", BAD, *good(1))
    said = refused(run(source, "--output", "v.jsonl", *SKIP, "--dead-letters", "./v.jsonl"))
    assert "--output and --dead-letters are both v.jsonl" in said


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_folder_is_no_output_and_is_told_before_anything_is_encoded(run: Run, force: tuple[str, ...]) -> None:
    Path("v").mkdir()
    said = refused(run(write("a.jsonl", *good(2)), "--output", "v", *force))
    assert "v is a folder, and vectors go into a file: name one in it" in said
    assert sorted(os.listdir()) == ["a.jsonl", "v"]
    os.mkfifo("pipe")
    assert "pipe is no file that could be replaced" in refused(run("a.jsonl", "--output", "pipe", *force))
