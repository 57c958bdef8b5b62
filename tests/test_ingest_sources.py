"""`csplade ingest` of several sources: one run, one account and one checkpoint over all of them, on a real server."""

import functools
from pathlib import Path

import orjson
import pytest
from csplade.integration.client import connect
from csplade.pipelines.sources import digest_of, find_source
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.ingest_process import kill_when_settled, settled, start

pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
parquet = pytest.importorskip("pyarrow.parquet")

LINES, ROWS = 60, 60


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `csplade ingest` in a folder with two sources, of which the second begins with the last id of the first."""
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    write_sources(with_vectors=False)
    return functools.partial(runner(monkeypatch, capsys), "ingest")


def write_sources(with_vectors: bool) -> None:
    names = [str(n) for n in range(LINES - 1, LINES - 1 + ROWS)]
    lines: list[dict[str, object]] = [{"_id": str(n), "text": f"bread {n}"} for n in range(LINES)]
    columns: dict[str, object] = {"_id": names, "text": [f"rye {name}" for name in names]}
    if with_vectors:
        lines = [{**line, "vector": {"loaf": 2.0}} for line in lines]
        kind = pyarrow.map_(pyarrow.string(), pyarrow.float64())
        columns["vector"] = pyarrow.array([[("rye", 3.0)]] * ROWS, kind)
    Path("a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    parquet.write_table(pyarrow.table(columns), "b.parquet", row_group_size=25)


@pytest.mark.cluster
def test_a_killed_run_goes_on_in_its_second_source(run: Run, opensearch: str, index_name: str) -> None:
    fine = ("--batch", 5, "--requests", 1)
    arguments = ["a.jsonl", "b.parquet", "--index", index_name, "--url", opensearch, *fine]
    process = start(Path(), arguments, most=LINES + ROWS - 10)
    kill_when_settled(process, Path(), LINES + 10)
    done = settled(Path())
    assert len(list(Path().glob("*.checkpoint"))) == 1
    # Another order is another job.
    assert digest_of([find_source("a.jsonl"), find_source("b.parquet")]) != digest_of(
        [find_source("b.parquet"), find_source("a.jsonl")]
    )
    again = run(*arguments, "--json")
    assert again.code == 0, again.err
    told = orjson.loads(again.out)
    assert (told["read"], told["skipped"], told["indexed"]) == (LINES + ROWS, done, LINES + ROWS - done)
    assert (told["failed"], told["duplicates"], told["in_index"]) == (0, 1, LINES + ROWS - 1)
    assert "1 document had an id that came before" in again.err
    # The later of the two: that of the second source.
    client = connect(opensearch)
    assert client.get(index=index_name, id=str(LINES - 1))["_source"]["text"] == f"rye {LINES - 1}"
    assert not list(Path().glob("*.checkpoint"))


@pytest.mark.cluster
def test_a_bad_record_is_told_with_its_source_and_creates_nothing_or_is_passed_over(
    run: Run, opensearch: str, index_name: str
) -> None:
    Path("c.jsonl").write_bytes(b'{"_id": "c", "text": "salt"}\n{')
    arguments = ("a.jsonl", "c.jsonl", "b.parquet", "--index", index_name, "--url", opensearch)
    refused = run(*arguments)
    assert (refused.code, refused.out) == (1, "")
    assert "c.jsonl line 2 is not JSON" in refused.err
    assert not connect(opensearch).indices.exists(index=index_name)
    passed = run(*arguments, "--on-bad-record", "skip", "--json")
    assert passed.code == 1 and "(the first: c.jsonl line 2 is not JSON" in passed.err
    told = orjson.loads(passed.out)
    assert (told["read"], told["indexed"], told["failed"]) == (LINES + ROWS + 2, LINES + ROWS + 1, 1)
    (letter,) = map(orjson.loads, Path(told["dead_letters"]).read_bytes().splitlines())
    assert letter["csplade_error"].startswith("c.jsonl line 2 is not JSON")


@pytest.mark.cluster
def test_empty_sources_are_no_fault_of_the_others(run: Run, opensearch: str, index_name: str) -> None:
    Path("empty.jsonl").touch()
    Path("bad.jsonl").write_bytes(b"{")
    arguments = ("empty.jsonl", "a.jsonl", "bad.jsonl", "--index", index_name, "--url", opensearch, "--json")
    passed = run(*arguments, "--on-bad-record", "skip")
    told = orjson.loads(passed.out)
    assert (passed.code, told["read"], told["indexed"], told["failed"]) == (1, LINES + 1, LINES, 1)
    assert passed.err.count("is empty") == passed.err.count("empty.jsonl is empty: no document comes of it.") == 1
    for sources in (("empty.jsonl", "empty.jsonl"), ("empty.jsonl", "bad.jsonl")):
        refused = run(*sources, "--index", index_name, "--url", opensearch, "--on-bad-record", "skip")
        assert (refused.code, refused.out) == (1, "")
    assert "bad.jsonl holds 1 record, of which none can be indexed: line 1" in refused.err


@pytest.mark.cluster
def test_a_dry_run_and_given_vectors_take_several_too(run: Run, opensearch: str, index_name: str) -> None:
    arguments = ("a.jsonl", "b.parquet", "--index", index_name, "--url", opensearch, "--json")
    tried = orjson.loads(run(*arguments, "--dry-run").out)
    assert (tried["documents"], tried["duplicates"]) == (LINES + ROWS, 1)
    write_sources(with_vectors=True)
    done = run(*arguments, "--vectors", "vector")
    assert (done.code, orjson.loads(done.out)["in_index"]) == (0, LINES + ROWS - 1)
    client = connect(opensearch)
    terms = [client.get(index=index_name, id=name)["_source"]["csplade_terms"] for name in ("0", str(LINES))]
    assert terms == [{"loaf": 2.0}, {"rye": 3.0}]


@pytest.mark.parametrize("sources", [("a.jsonl", "-"), ("-", "b.parquet")])
def test_standard_input_goes_alone(run: Run, sources: tuple[str, ...]) -> None:
    refused = run(*sources, "--index", "articles", "--url", "http://127.0.0.1:9")
    assert (refused.code, refused.out) == (2, "")
    assert "standard input can be read only once, so it is not looked over with others: give it alone" in refused.err
