"""`csplade encode` with a real small encoder: lines, Parquet, going on where a run was stopped, bad records."""

import io
import os
import signal
import sys
from pathlib import Path

import orjson
import pyarrow.parquet
import pytest
from csplade.pipelines.encode import Encoder
from csplade.tests.command_run import Run
from csplade.tests.stopped_encoding import stop_encoding
from csplade.tests.tiny_encoder import TEXTS

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def encoder(encoder_folder: Path) -> Encoder:
    return Encoder.open(encoder_folder)


@pytest.fixture
def run(encode_here: Run) -> Run:
    return encode_here


def records(count: int) -> list[bytes]:
    return [orjson.dumps({"_id": str(n), "text": TEXTS[n % 5], "year": n}) for n in range(count)]


def write(name: str, lines: list[bytes]) -> str:
    Path(name).write_bytes(b"\n".join(lines) + b"\n")
    return name


def vectors(content: bytes | str) -> dict[str, dict[str, float]]:
    found = [orjson.loads(line) for line in content.splitlines()]
    assert all(set(line) == {"id", "vector"} for line in found)
    return {line["id"]: line["vector"] for line in found}


def test_vectors_go_to_standard_output_and_the_summary_elsewhere(run: Run, encoder: Encoder) -> None:
    result = run(write("a.jsonl", records(5)), "--lanes", 1)
    assert result.code == 0
    found = vectors(result.out)
    assert list(found) == [str(n) for n in range(5)]
    for text, vector in zip(TEXTS[:5], found.values(), strict=True):
        (wanted,) = encoder.documents([text])
        assert vector == pytest.approx(dict(wanted.weights), rel=1e-4)
        assert list(vector.values()) == sorted(vector.values(), reverse=True)
    assert result.err.startswith("read 5, written 5, skipped 0, failed 0, cut 0, passages 5")
    assert "It ran on CPU" in result.err or "It ran on CUDA" in result.err


def test_queries_have_the_vectors_of_queries(run: Run, encoder: Encoder) -> None:
    Path("q.tsv").write_text("number\tquestion\n7\tfresh bread\n")
    result = run("q.tsv", "--role", "query", "--id-field", "number", "--text-fields", "question", "--json")
    assert vectors(result.out)["7"] == pytest.approx(dict(next(encoder.queries(["fresh bread"])).weights), rel=1e-4)
    summary = orjson.loads(result.err)
    assert (summary["written"], summary["output"], summary["runs_on"][-1]) == (1, None, "CPUExecutionProvider")


def test_a_text_that_is_not_chosen_is_in_nobodys_way(run: Run, encoder: Encoder) -> None:
    result = run(write("a.jsonl", [orjson.dumps({"id": 1, "body": "bread", "text": "salt"})]), "--text-fields", "body")
    assert result.code == 0, result
    assert vectors(result.out)["1"] == pytest.approx(dict(next(encoder.documents(["bread"])).weights), rel=1e-4)


def test_parquet_and_json_lines_hold_the_same_and_several_sources_are_one(run: Run) -> None:
    sources = (write("a.jsonl", records(3)), write("b.jsonl", [orjson.dumps({"_id": "b", "text": "bread"})]))
    shown = orjson.loads(run(*sources, "--output", "v.jsonl", "--json").out)
    assert (shown["read"], shown["written"], shown["output"]) == (4, 4, "v.jsonl")
    assert "v.parquet" in run(*sources, "--output", "v.parquet").out
    rows = pyarrow.parquet.read_table("v.parquet").to_pylist()
    assert {row["id"]: dict(row["vector"]) for row in rows} == vectors(Path("v.jsonl").read_bytes())
    assert sorted(path.name for path in Path().iterdir()) == ["a.jsonl", "b.jsonl", "v.jsonl", "v.parquet"]


def test_whole_records_are_kept_with_their_vectors(run: Run) -> None:
    result = run(write("a.jsonl", records(2)), "--keep-fields")
    first = orjson.loads(result.out.splitlines()[0])
    assert {**orjson.loads(records(1)[0]), "vector": first["vector"]} == first
    refused = run("a.jsonl", "--keep-fields", "--output", "v.parquet")
    assert (refused.code, refused.out) == (2, "")
    assert "v.parquet is Parquet: name it otherwise" in refused.err


def test_no_field_of_a_record_is_replaced_by_its_vector(run: Run) -> None:
    own = {"id": 1, "text": "bread", "vector": [0.1, 0.2]}
    source = write("a.jsonl", [orjson.dumps({"id": 0, "text": "salt"}), orjson.dumps(own)])
    refused = run(source, "--keep-fields")
    assert (refused.code, refused.out) == (1, "")
    assert "a.jsonl line 2 has a field 'vector' of its own, which its vector would replace: name another" in refused.err
    skipped = run(source, "--keep-fields", "--on-bad-record", "skip", "--dead-letters", "dead.jsonl")
    assert skipped.code == 1 and [orjson.loads(line)["id"] for line in skipped.out.splitlines()] == [0]
    (letter,) = Path("dead.jsonl").read_bytes().splitlines()
    assert {**own, "csplade_error": orjson.loads(letter)["csplade_error"]} == orjson.loads(letter)
    kept = run(source, "--keep-fields", "--vector-field", "terms")
    assert kept.code == 0
    first, second = map(orjson.loads, kept.out.splitlines())
    assert {**own, "terms": second["terms"]} == second and first.keys() == {"id", "text", "terms"}
    # Where records are not kept there is nothing to replace.
    assert second["terms"] == pytest.approx(vectors(run(source).out)["1"])
    refused = run(source, "--vector-field", "terms")
    assert (refused.code, refused.out) == (2, "")
    assert "--vector-field names a field of whole records: add --keep-fields" in refused.err
    assert "--vector-field is empty" in run("a.jsonl", "--keep-fields", "--vector-field", "").err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--passages", 64), "--passages 64 is a limit of what --stride reads: add --stride, or leave --passages out"),
        (("--stride", 8, "--role", "query"), "--stride 8 is for documents, and queries are always cut: leave it out"),
        (("--passages", 8, "--role", "query"), "--passages 8 is a limit of what --stride reads"),
    ],
)
def test_options_of_long_documents_are_refused_where_nothing_looks_at_them(
    run: Run, options: tuple[object, ...], said: str
) -> None:
    refused = run(write("a.jsonl", records(1)), *options)
    assert (refused.code, refused.out) == (2, "") and said in refused.err


def test_long_documents_are_read_as_far_as_passages_are_allowed_and_queries_never(run: Run) -> None:
    source = write("a.jsonl", [orjson.dumps({"id": 1, "text": "bread and salt " * 100})])
    few, many = (run(source, "--stride", 20, "--json", *more).err for more in (("--passages", 2), ()))
    assert orjson.loads(few)["passages"] == 2 < orjson.loads(many)["passages"] <= 64
    assert "--stride reads texts whole" in run(source).err
    assert "Of 1 text the model did not see the end: queries are always cut." in run(source, "--role", "query").err


@pytest.mark.parametrize("name", ["v.csv", "v.json", "v.PARQUET", "v.jsonl.gz"])
def test_a_file_is_not_called_what_it_would_not_be(run: Run, name: str) -> None:
    refused = run(write("a.jsonl", records(1)), "--output", name)
    assert (refused.code, refused.out) == (2, "")
    ending = f".{name.rpartition('.')[2]}"
    assert f"--output {name} ends with {ending}, and vectors are written as JSON lines (.jsonl, .ndjson" in refused.err
    assert "or as Parquet (.parquet): name it otherwise" in refused.err
    assert ("pipe them into gzip" in refused.err) == (ending == ".gz")
    assert [path.name for path in Path().iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("name", ["v", "v.ndjson"])
def test_a_file_of_json_lines_may_be_called_so(run: Run, name: str) -> None:
    assert run(write("a.jsonl", records(2)), "--output", name).code == 0
    assert len(vectors(Path(name).read_bytes())) == 2


def test_a_table_is_cut_at_the_delimiter_that_is_given(run: Run) -> None:
    Path("a.csv").write_text("id;text\n1;bread\n2;salt\n")
    refused = run("a.csv")
    assert (refused.code, refused.out) == (1, "")
    assert "seems to be separated by ';': give --delimiter ';'" in refused.err
    assert vectors(run("a.csv", "--delimiter", ";").out).keys() == {"1", "2"}
    for delimiter, said in (("::", "must be one character"), ("", "must be one character"), ('"', "must be one")):
        assert said in run("a.csv", "--delimiter", delimiter).err
    lines = run(write("a.jsonl", records(1)), "--delimiter", ";")
    assert (lines.code, "is for tables, and a.jsonl is jsonl: add --format csv" in lines.err) == (2, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"_id": "x", "text": 5}', "a.jsonl line 3 has a number in the field 'text'"),
        (b'{"_id": "x", "text": null}', "a.jsonl line 3 has no text in title or text"),
        (b'{"_id": "x", "text": "caf\xe9"}', "a.jsonl line 3 is not UTF-8"),
        (b"{", "a.jsonl line 3 is not JSON"),
    ],
)
def test_a_bad_record_stops_before_anything_is_written_or_is_counted(run: Run, line: bytes, said: str) -> None:
    write("a.jsonl", [*records(2), line, *records(1)])
    refused = run("a.jsonl", "--output", "v.jsonl")
    assert (refused.code, refused.out) == (1, "")
    assert said in refused.err
    assert [path.name for path in Path().iterdir()] == ["a.jsonl"]
    skipped = run("a.jsonl", "--output", "v.jsonl", "--on-bad-record", "skip", "--json")
    assert skipped.code == 1
    shown = orjson.loads(skipped.out)
    assert (shown["read"], shown["written"], shown["failed"]) == (4, 3, 1)
    assert len(Path(shown["dead_letters"]).read_bytes().splitlines()) == 1
    assert len(Path("v.jsonl").read_bytes().splitlines()) == 3


def test_nothing_is_overwritten_unless_it_is_asked_for(run: Run) -> None:
    source = write("a.jsonl", records(2))
    Path("v.jsonl").write_text("mine\n")
    refused = run(source, "--output", "v.jsonl")
    assert (refused.code, Path("v.jsonl").read_text()) == (2, "mine\n")
    assert "v.jsonl exists, and is not overwritten" in refused.err
    assert run(source, "--output", "v.jsonl", "--force").code == 0
    assert len(vectors(Path("v.jsonl").read_bytes())) == 2
    assert run(source, "--output", "nowhere/v.jsonl").code == 2


def test_a_text_of_ten_megabytes_among_others_stops_nothing(run: Run) -> None:
    huge = orjson.dumps({"_id": "huge", "text": "pump " + "x" * 10_000_000})
    result = run(write("a.jsonl", [*records(2), huge, *records(2)]), "--output", "v.jsonl", "--json")
    assert (result.code, orjson.loads(result.out)["cut"]) == (0, 1)
    assert vectors(Path("v.jsonl").read_bytes())["huge"]["pump"] > 0


def test_standard_input_is_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(records(3)))))
    assert len(vectors(run("-").out)) == 3


def test_what_is_left_of_standard_input_is_said_as_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad record is found when its turn comes: in the first window, or behind two others."""

    def given(lines: list[bytes]) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(lines))))

    given([*records(5), b"{", *records(300)])
    refused = run("-", "--output", "v.jsonl")
    assert refused.code == 1 and "No vector was written yet, so that v.jsonl.part is not kept" in refused.err
    assert os.listdir() == []
    given([*records(300), b"{"])
    stopped = run("-", "--output", "v.jsonl")
    done = Path("v.jsonl.part").read_bytes().count(b"\n")
    assert stopped.code == 1 and 0 < done <= 300
    assert f"{done} vectors are in v.jsonl.part. Standard input cannot be gone on with: move that" in stopped.err
    given(records(3))
    again = run("-", "--output", "v.jsonl")
    assert (again.code, Path("v.jsonl.part").read_bytes().count(b"\n")) == (2, done)
    assert "move it away, or add --force" in again.err
    given(records(3))
    assert run("-", "--output", "v.jsonl", "--force").code == 0
    assert len(vectors(Path("v.jsonl").read_bytes())) == 3


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_stopped_goes_on_in_its_part(run: Run, encoder_folder: Path, how: signal.Signals) -> None:
    source = write("a.jsonl", records(3000))
    err = stop_encoding(source, encoder_folder, how)
    part = Path("v.jsonl.part")
    assert not Path("v.jsonl").exists()
    # As a machine that loses power leaves it.
    with part.open("ab") as file:
        file.write(b'{"id": "half')
    done = part.read_bytes().count(b"\n")
    assert 0 < done < 3000
    if how is signal.SIGINT:
        assert f"{done} vectors are in v.jsonl.part" in err

    other = run(source, "--output", "v.jsonl", "--role", "query")
    assert (other.code, other.out) == (2, "")
    assert "was left by a run with another source, encoder or options" in other.err
    again = run(source, "--output", "v.jsonl", "--json")
    assert f"Going on behind the {done} vectors" in again.err
    shown = orjson.loads(again.out)
    assert (shown["read"], shown["skipped"], shown["written"]) == (3000, done, 3000 - done)
    assert list(vectors(Path("v.jsonl").read_bytes())) == [str(n) for n in range(3000)]
    assert sorted(os.listdir()) == ["a.jsonl", "v.jsonl"]


def test_a_gpu_that_is_not_there_is_told(run: Run, encoder: Encoder) -> None:
    if len(encoder.runs_on) > 1:
        pytest.skip("there is a GPU")
    result = run(write("a.jsonl", records(1)), "--device", "cuda")
    assert (result.code, result.out) == (2, "")
    assert "a GPU was asked for" in result.err
