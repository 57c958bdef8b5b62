"""`csplade encode --engine ray` in this process: its options, its folder, and workers that die over the same block."""

import functools
import os
import time
from functools import partial
from pathlib import Path

import orjson
import pytest
from csplade.commands.encode_spread import entries
from csplade.integration.documents import RecordOptions
from csplade.pipelines.encode import Encoder
from csplade.pipelines.encode_blocks import encode_block, plan_blocks
from csplade.pipelines.encode_folder import TRIES, failed_of
from csplade.pipelines.encode_many import worker_texts
from csplade.pipelines.encode_ray import Work, Workers, encode_blocks
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.graph import Role
from csplade.pipelines.sources import find_source
from csplade.tests.command_run import Run
from csplade.tests.dying_workers import DeadlyFolder, deadly_entries
from csplade.tests.tiny_encoder import TEXTS

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Ray Data's own, of its options
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # Ray's, of how it hides GPUs
]
pytest.importorskip("ray", reason="this is about the extra [ray]: pip install 'csplade[ray]'")
parquet = pytest.importorskip("pyarrow.parquet", reason="the extra parquet is not installed")


@pytest.fixture
def run(encode_here: Run) -> Run:
    """Run `csplade encode` in a folder with a source of five records and a broken line."""
    lines = [orjson.dumps({"_id": str(n), "text": text}) for n, text in enumerate(TEXTS[:5])]
    Path("a.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return functools.partial(encode_here, "a.jsonl")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--workers", 3), "--workers is for Ray's workers"),
        (("--gpus-per-worker", 0), "--gpus-per-worker is for Ray's workers"),
        (("--block", 10), "--block is for Ray's workers"),
        (("--engine", "ray", "--output", "out", "--dead-letters", "dead.jsonl"), "--dead-letters is for one process"),
        (("--engine", "ray", "--output", "out", "--device", "cuda"), "--device cuda needs GPUs for Ray's workers"),
        (
            ("--engine", "ray", "--output", "out", "--device", "cpu", "--gpus-per-worker", 0.5),
            "--gpus-per-worker 0.5 would reserve GPUs that --device cpu does not use",
        ),
        (("--engine", "ray", "--output", "out.parquet", "--keep-fields"), "out.parquet is Parquet"),
        (("--engine", "ray", "--output", "a.jsonl"), "a.jsonl is a file, and Ray's workers write a folder"),
        (("--engine", "ray"), "name one with --output"),
    ],
)
def test_options_that_would_do_nothing_are_refused(run: Run, options: tuple[object, ...], said: str) -> None:
    refused = run(*options)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err and refused.err.count("\n") == 1
    assert os.listdir() == ["a.jsonl"]


@pytest.mark.usefixtures("one_gpu")
def test_a_worker_that_has_a_gpu_runs_on_it_or_says_that_it_cannot(run: Run, encoder_folder: Path) -> None:
    if len(Encoder.open(encoder_folder).runs_on) > 1:
        pytest.skip("there is a GPU")
    refused = run("--engine", "ray", "--output", "out", "--workers", 1, "--gpus-per-worker", 1, "--json")
    assert refused.code == 1
    assert "a Ray worker failed (a GPU was asked for, and the onnxruntime here has only" in refused.err
    assert not list(Path("out").glob("0*"))


@pytest.mark.usefixtures("one_gpu")
def test_a_folder_called_parquet_holds_parquet_and_what_it_ran_on_is_told(run: Run, encoder_folder: Path) -> None:
    Path("a.jsonl").write_bytes(Path("a.jsonl").read_bytes() + b"{\n")
    options = ("--engine", "ray", "--output", "v.parquet", "--block", 2, "--on-bad-record", "skip", "--json")
    done = run(*options)
    assert done.code == 1 and "1 record has no vector" in done.err
    shown = orjson.loads(done.out)
    assert (shown["blocks"], shown["written"], shown["failed"]) == (3, 5, 1)
    assert shown["runs_on"] == ["CPUExecutionProvider"]
    names = ["0000-0000000000.parquet", "0000-0000000002.parquet", "0000-0000000004.parquet"]
    assert sorted(os.listdir("v.parquet")) == [*names, "_0000-0000000004.failed.jsonl", "_job.json"]
    # As other programs read such a folder: the other names are passed over.
    rows = parquet.read_table("v.parquet").to_pylist()
    vectors = {row["id"]: dict(row["vector"]) for row in rows}
    for number, vector in enumerate(Encoder.open(encoder_folder).documents(TEXTS[:5])):
        assert vectors[str(number)] == pytest.approx(dict(vector.weights), rel=1e-4)
    again = orjson.loads(run(*options).out)
    assert (again["written"], again["skipped"], again["failed"], again["runs_on"]) == (0, 5, 1, None)


@pytest.mark.usefixtures("one_gpu")
def test_blocks_that_are_finished_are_not_done_again_and_one_that_is_missing_is(run: Run) -> None:
    Path("a.jsonl").write_bytes(Path("a.jsonl").read_bytes() + b"{\n")
    options = ("--engine", "ray", "--output", "out", "--block", 2, "--on-bad-record", "skip", "--json")
    assert orjson.loads(run(*options).out)["written"] == 5
    content = {path.name: path.read_bytes() for path in Path("out").glob("0*")}
    times = {path.name: path.stat().st_mtime_ns for path in Path("out").glob("0*")}
    missing = Path("out/0000-0000000002.jsonl")
    missing.unlink()
    again = run(*options)
    shown = orjson.loads(again.out)
    assert (shown["written"], shown["skipped"], shown["failed"]) == (2, 3, 1)
    assert "Of 3 blocks 2 had been finished before." in again.err
    assert {path.name: path.read_bytes() for path in Path("out").glob("0*")} == content
    changed = [path.name for path in Path("out").glob("0*") if times[path.name] != path.stat().st_mtime_ns]
    assert changed == [missing.name]


@pytest.mark.usefixtures("one_gpu")
def test_blocks_of_another_job_are_replaced_by_force_alone_and_other_files_never(run: Run) -> None:
    ours = ("--engine", "ray", "--output", "out", "--json")
    assert run(*ours).code == 0
    assert "Texts were encoded" not in run(*ours[:-1]).err
    for left in ("._0000-0000000000.failed.jsonl.0123abcd", "._job.json.0123abcd"):
        Path("out", left).write_bytes(b"of a run that was killed")
    other = (*ours, "--role", "query")
    refused = run(*other)
    assert refused.code == 2 and "holds vectors of another job" in refused.err and "--force" in refused.err
    before = Path("out/0000-0000000000.jsonl").read_bytes()
    done = run(*other, "--force")
    assert (done.code, orjson.loads(done.out)["written"]) == (0, 5)
    assert Path("out/0000-0000000000.jsonl").read_bytes() != before
    vectors = Path("out/0000-0000000000.jsonl").read_bytes()
    assert run(*ours, "--force", "--block", 2, "--gpus-per-worker", 1, "--workers", 2).code == 2
    assert Path("out/0000-0000000000.jsonl").read_bytes() == vectors
    Path("out/mine.txt").write_text("mine")
    kept = run(*ours, "--force")
    assert kept.code == 2 and "out holds mine.txt, which is no file of vectors" in kept.err
    assert Path("out/mine.txt").exists() and Path("out/0000-0000000000.jsonl").exists()


@pytest.mark.usefixtures("one_gpu")
def test_vectors_of_another_job_stay_until_a_worker_has_opened_the_encoder(run: Run, encoder_folder: Path) -> None:
    if len(Encoder.open(encoder_folder).runs_on) > 1:
        pytest.skip("there is a GPU")
    ours = ("--engine", "ray", "--output", "out", "--block", 2, "--json")
    assert run(*ours).code == 0
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    failed = run(*ours, "--role", "query", "--force", "--workers", 1, "--gpus-per-worker", 1)
    assert failed.code == 1 and "a Ray worker failed (a GPU was asked for, and the onnxruntime here" in failed.err
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before
    # The folder is still that of the first job.
    assert orjson.loads(run(*ours).out)["skipped"] == 5


@pytest.mark.usefixtures("run")
def test_a_block_keeps_whole_records_and_replaces_no_field_of_theirs(encoder_folder: Path) -> None:
    records: list[dict[str, object]] = [
        {"id": "0", "text": "bread", "vector": [0.5]},
        {"id": "1", "text": "salt", "terms": 1},
    ]
    Path("b.jsonl").write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    (block,) = plan_blocks([(find_source("b.jsonl"), 2)], 2, Path.cwd())
    encoder, read = Encoder.open(encoder_folder), partial(entries, options=RecordOptions(vector_field="terms"))
    report = encode_block(encoder, Role.DOCUMENT, block, read)
    assert (report.written, report.failed) == (1, 1)
    written = orjson.loads(block.output.read_bytes())
    (vector,) = encoder.documents(["bread"])
    assert written == {**records[0], "terms": pytest.approx(dict(vector.weights), rel=1e-4)}
    letter = orjson.loads(failed_of(block.output).read_bytes())
    assert "b.jsonl line 2 has a field 'terms' of its own" in letter["csplade_error"]


def _work(folder: Path, trace: Path) -> Work:
    Path("out").mkdir()
    source = find_source(str(Path("a.jsonl").resolve()))
    blocks = plan_blocks([(source, 5)], 2, Path("out").resolve())
    return Work(folder, worker_texts(), Role.DOCUMENT, partial(deadly_entries, trace=trace), blocks)


@pytest.mark.usefixtures("one_gpu", "run")
def test_a_block_over_which_worker_after_worker_dies_is_given_up_and_named(encoder_folder: Path) -> None:
    trace = Path("trace").resolve()
    work = _work(encoder_folder, trace)
    left, others = (
        work.blocks[0].output.with_name(f".0000-0000000000.jsonl.{end}") for end in ("0123abcd", "4567cdef")
    )
    left.write_bytes(b"of a run that was killed")
    os.utime(left, (time.time() - 90_000,) * 2)
    others.write_bytes(b"of a run that goes on in the same folder")
    with pytest.raises(EncoderError, match=r"3 workers died, perhaps .*, over the records 3 to 4 of .*a\.jsonl: give"):
        list(encode_blocks(work, Workers(2, 0.0)))
    assert trace.stat().st_size == TRIES == 3
    assert not work.blocks[1].output.exists() and not left.exists() and others.exists()
    assert not list(Path("out").glob("*.tries"))


@pytest.mark.usefixtures("one_gpu", "run")
def test_an_encoder_that_no_worker_lives_to_open_is_given_up() -> None:
    trace = Path("trace").resolve()
    work = _work(DeadlyFolder("encoder").absolute(), trace)
    with pytest.raises(EncoderError, match=r"3 workers died, perhaps .*, while they opened the encoder .*: give"):
        list(encode_blocks(work, Workers(1, 0.0)))
    assert trace.stat().st_size >= TRIES
