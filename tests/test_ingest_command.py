"""`csplade ingest`: exit codes, sentences, and that bad input creates nothing; on a real server.

The encoder is the small one of the tests, so that each case takes no time.
"""

import functools
import gzip
import io
import signal
import sys
import time
from pathlib import Path

import orjson
import pytest
from csplade.integration.checkpoint import Checkpoint, Job
from csplade.integration.client import connect
from csplade.integration.index import create_index
from csplade.integration.index_mapping import index_uuid
from csplade.integration.load_settings import LoadSettings, loading
from csplade.integration.templates import IndexOptions
from csplade.pipelines.sources import find_source
from csplade.tests.command_run import Result, Run, runner, use_word_encoder
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.ingest_process import start
from csplade.tests.word_encoder import word_contract

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `csplade ingest` in an empty folder with the encoder of the tests."""
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return functools.partial(runner(monkeypatch, capsys), "ingest")


def lines(count: int, **changed: object) -> list[bytes]:
    return [orjson.dumps({"_id": str(n), "title": f"T{n}", "text": f"bread {n}", **changed}) for n in range(count)]


def write(name: str, content: list[bytes]) -> Path:
    Path(name).write_bytes(b"\n".join(content) + b"\n")
    return Path(name)


def exists(url: str, index: str) -> bool:
    return bool(connect(url).indices.exists(index=index))


def count(url: str, index: str) -> int:
    return int(connect(url).count(index=index)["count"])


def one_sentence(result: Result) -> str:
    assert result.out == ""
    assert result.err.startswith("Error: ")
    assert result.err.count("\n") == 1
    return result.err


def bad_sources() -> dict[str, tuple[str, bytes, str]]:
    good = lines(1000)
    broken = [*good[:811], b'{"_id": "811", "text": ', *good[812:]]
    return {
        "broken JSON": ("a.jsonl", b"\n".join(broken), "a.jsonl line 812 is not JSON ("),
        "not UTF-8": ("a.jsonl", b'{"_id": "1", "text": "caf\xe9"}', "a.jsonl line 1 is not UTF-8 (byte 0xe9"),
        "a list": ("a.jsonl", b"\n".join([*good, b"[1, 2]"]), "a.jsonl line 1001 is a list, not a JSON object"),
        "no text": (
            "a.jsonl",
            good[0] + b'\n{"_id": "2", "title": "x"}',
            "a.jsonl line 2 has no text in title or text",
        ),
        "a number": ("a.jsonl", b'{"_id": "1", "text": 5}', "a.jsonl line 1 has a number in the field 'text'"),
        "null": ("a.jsonl", b'{"_id": "1", "text": null}', "a.jsonl line 1 has no text in title or text"),
        "no id": ("a.jsonl", b'{"key": "1", "text": "x"}', "a.jsonl line 1 has no id in _id or id"),
        "a long id": (
            "a.jsonl",
            orjson.dumps({"_id": "x" * 513, "text": "x"}),
            "a.jsonl line 1 has an id of 513 bytes",
        ),
        "empty": ("a.jsonl", b"", "a.jsonl is empty"),
        "blank": ("a.jsonl", b"\n \n", "a.jsonl is empty"),
        "half a gzip file": (
            "a.jsonl.gz",
            gzip.compress(b"\n".join(good), mtime=0)[:-30],
            "a.jsonl.gz cannot be read (",
        ),
        "a short row": ("a.csv", b"_id,text\n1,x\n2\n", "a.csv line 3 has 1 cells, the header has 2"),
        "an empty table": ("a.csv", b"_id,text\n", "a.csv is empty"),
    }


@pytest.mark.cluster
@pytest.mark.parametrize("case", bad_sources())
def test_a_bad_source_is_one_sentence_and_creates_nothing(
    run: Run, opensearch: str, index_name: str, case: str
) -> None:
    name, content, sentence = bad_sources()[case]
    Path(name).write_bytes(content)
    result = run(name, "--index", index_name, "--url", opensearch)
    assert result.code == 1
    assert sentence in one_sentence(result)
    assert not exists(opensearch, index_name)
    assert [path.name for path in Path().iterdir()] == [name]


def test_a_bad_source_is_told_before_anybody_looks_for_the_cluster(run: Run) -> None:
    result = run(write("a.jsonl", [b"{"]), "--index", "articles", "--url", NOWHERE)
    assert "a.jsonl line 1 is not JSON" in one_sentence(result)


def test_a_missing_source_is_told_first(run: Run) -> None:
    result = run("nothing.jsonl", "--index", "articles", "--url", NOWHERE, "--encoder", "no-encoder")
    assert result.code == 1
    assert one_sentence(result).startswith("Error: there is no file nothing.jsonl")


def test_a_missing_encoder_is_told_before_the_source_is_read(run: Run) -> None:
    result = run(write("a.jsonl", [b"{"]), "--index", "articles", "--url", NOWHERE, "--encoder", "no-encoder")
    assert result.code == 1
    assert "no-encoder is not an encoder folder" in one_sentence(result)


def test_no_cluster_there_is_one_sentence(run: Run) -> None:
    result = run(write("a.jsonl", lines(3)), "--index", "articles", "--url", "http://user:geheim@127.0.0.1:9")
    assert result.code == 1
    assert "no cluster answers at http://127.0.0.1:9" in one_sentence(result)
    assert "geheim" not in result.err


@pytest.mark.cluster
@pytest.mark.parametrize("status", [401, 403])
def test_wrong_credentials_are_one_sentence(
    run: Run, opensearch: str, index_name: str, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("CSPLADE_USER", "user")
    monkeypatch.setenv("CSPLADE_PASSWORD", "geheim")
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.locked = status
        result = run(write("a.jsonl", lines(3)), "--index", index_name, "--url", proxy.url)
    assert result.code == 1
    assert "the cluster at http://127.0.0.1" in one_sentence(result)
    assert "user" in result.err
    assert "geheim" not in result.err
    assert not exists(opensearch, index_name)


@pytest.mark.cluster
def test_an_index_that_is_not_ours_is_refused_and_left_alone(run: Run, opensearch: str, index_name: str) -> None:
    connect(opensearch).index(index=index_name, body={"theirs": 1}, params={"refresh": "true"})
    result = run(write("a.jsonl", lines(3)), "--index", index_name, "--url", opensearch)
    assert result.code == 1
    assert "was not made by csplade" in one_sentence(result)
    assert "give the name of a new index" in result.err
    assert count(opensearch, index_name) == 1


@pytest.mark.cluster
def test_an_index_of_another_encoder_is_refused_with_both_fingerprints(
    run: Run, opensearch: str, index_name: str
) -> None:
    other = word_contract("other", opset=2)
    create_index(connect(opensearch), index_name, other, IndexOptions())
    result = run(write("a.jsonl", lines(3)), "--index", index_name, "--url", opensearch)
    assert result.code == 1
    assert other.fingerprint in one_sentence(result)
    assert word_contract().fingerprint in result.err
    assert count(opensearch, index_name) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("a.jsonl",),
        ("a.jsonl", "--index", "Not A Name"),
        ("a.jsonl", "--index", "articles", "--text-fields", "title,,body"),
        ("a.jsonl", "--index", "articles", "--on-bad-record", "shrug"),
        ("a.jsonl", "--index", "articles", "--batch", "0"),
        ("a.jsonl", "--index", "articles", "--min-weight", "-1"),
        ("a.jsonl", "--index", "articles", "--restore"),
        ("--index", "articles"),
        ("-", "--index", "articles", "--format", "parquet"),
        ("a.jsonl", "--index", "articles", "--dead-letters", "a.jsonl"),
        ("a.jsonl", "--index", "articles", "--url", "ftp://somewhere"),
        ("a.jsonl", "--index", "articles", "--url", "https://h", "--ca-certs", "nothing.pem"),
    ],
)
def test_wrong_usage_has_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    write("a.jsonl", lines(3))
    result = run(*arguments)
    assert result.code == 2
    assert "Error: " in result.err
    assert result.out == ""


@pytest.mark.cluster
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.tsv", "folder"])
def test_each_kind_of_source_is_indexed(run: Run, opensearch: str, index_name: str, name: str) -> None:
    if name.endswith(".csv"):
        write(name, [b"_id,title,text,kind", *(f'{n},T{n},"bread, {n}",a'.encode() for n in range(30))])
    elif name.endswith(".tsv"):
        write(name, [b"_id\ttitle\ttext\tkind", *(f"{n}\tT{n}\tbread, {n}\ta".encode() for n in range(30))])
    elif name == "folder":
        Path(name).mkdir()
        write("folder/corpus.jsonl", lines(30, metadata={}))
    else:
        content = b"\n".join(lines(30))
        Path(name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    result = run(name, "--index", index_name, "--url", opensearch)
    assert (result.code, result.err) == (0, "")
    assert index_name in result.out
    assert "documents/s" in result.out
    assert count(opensearch, index_name) == 30


@pytest.mark.cluster
def test_standard_input_is_indexed_as_it_comes(
    run: Run, opensearch: str, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def standard_input(content: list[bytes]) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(content))))

    for content, sentence in [([], "standard input is empty"), ([b"{"], "standard input line 1 is not JSON")]:
        standard_input(content)
        result = run("-", "--index", index_name, "--url", opensearch)
        assert result.code == 1
        assert sentence in one_sentence(result)
        assert not exists(opensearch, index_name)

    standard_input([*lines(30), b"{"])
    result = run("-", "--index", index_name, "--url", opensearch, "--batch", 10)
    assert result.code == 1
    assert "documents are indexed. Run again, the same command begins with the first document" in result.err
    assert "Error: standard input line 31 is not JSON" in result.err

    standard_input(lines(30))
    assert run("-", "--index", index_name, "--url", opensearch).code == 0
    assert count(opensearch, index_name) == 30


@pytest.mark.cluster
def test_skipped_records_go_to_the_dead_letters_and_the_exit_code_is_1(
    run: Run, opensearch: str, index_name: str
) -> None:
    source = write("a.jsonl", [*lines(5), b"{", b'{"_id": "x"}'])
    result = run(source, "--index", index_name, "--url", opensearch, "--on-bad-record", "skip", "--json")
    assert result.code == 1
    summary = orjson.loads(result.out)
    assert (summary["read"], summary["indexed"], summary["failed"]) == (7, 5, 2)
    assert summary["dead_letters"] == f"{index_name}.failed.jsonl"
    assert "2 of 7 documents failed (the first: line 6 is not JSON" in result.err
    assert len(Path(summary["dead_letters"]).read_bytes().splitlines()) == 2
    assert count(opensearch, index_name) == 5

    again = run(source, "--index", index_name, "--url", opensearch, "--on-bad-record", "skip", "--json")
    assert orjson.loads(again.out)["dead_letters"] == f"{index_name}.failed.2.jsonl"
    assert f"mend them in {index_name}.failed.2.jsonl and ingest that file" in again.err


@pytest.mark.cluster
def test_documents_that_the_cluster_refuses_go_to_the_dead_letters(run: Run, opensearch: str, index_name: str) -> None:
    source = write("a.jsonl", [*lines(5, year=1), *lines(1, _id="x", year="soon")])
    result = run(source, "--index", index_name, "--url", opensearch, "--dead-letters", "dead.jsonl")
    assert result.code == 1
    assert "1 of 6 documents failed" in result.err
    (letter,) = map(orjson.loads, Path("dead.jsonl").read_bytes().splitlines())
    assert letter["_id"] == "x"

    write("mended.jsonl", [orjson.dumps(letter | {"year": 2})])
    assert run("mended.jsonl", "--index", index_name, "--url", opensearch).code == 0
    assert count(opensearch, index_name) == 6


@pytest.mark.cluster
def test_ids_that_come_twice_are_told_and_the_later_document_stays(run: Run, opensearch: str, index_name: str) -> None:
    source = write("a.jsonl", [*lines(3), *lines(2, text="later")])
    result = run(source, "--index", index_name, "--url", opensearch, "--json")
    assert result.code == 0
    assert orjson.loads(result.out)["duplicates"] == 2
    assert "2 documents had an id that came before" in result.err
    assert count(opensearch, index_name) == 3
    assert connect(opensearch).get(index=index_name, id="0")["_source"]["text"] == "T0\nlater"


@pytest.mark.cluster
def test_fields_analyzer_and_shards_are_chosen_for_a_new_index(run: Run, opensearch: str, index_name: str) -> None:
    source = write("a.jsonl", [orjson.dumps({"n": 1, "headline": "Das", "body": "Brote", "lang": "de"})])
    common = (source, "--index", index_name, "--url", opensearch, "--id-field", "n", "--text-fields", "headline, body")
    assert run(*common, "--analyzer", "german", "--shards", 2).code == 0
    client = connect(opensearch)
    assert client.get(index=index_name, id="1")["_source"]["text"] == "Das\nBrote"
    assert client.get(index=index_name, id="1")["_source"]["lang"] == "de"
    assert client.count(index=index_name, body={"query": {"match": {"text": "brot"}}})["count"] == 1
    assert client.indices.get_settings(index=index_name)[index_name]["settings"]["index"]["number_of_shards"] == "2"
    assert run(*common).code == 0
    assert "--analyzer" in one_sentence(run(*common, "--analyzer", "english"))


@pytest.mark.cluster
def test_an_unknown_analyzer_creates_nothing(run: Run, opensearch: str, index_name: str) -> None:
    result = run(write("a.jsonl", lines(3)), "--index", index_name, "--url", opensearch, "--analyzer", "klingon")
    assert result.code == 1
    assert "analyzer [klingon]" in one_sentence(result)
    assert result.err.endswith("; choose one of the cluster's analyzers with --analyzer\n")
    assert not exists(opensearch, index_name)


@pytest.mark.cluster
def test_a_dry_run_tells_what_would_be_done_and_does_nothing(run: Run, opensearch: str, index_name: str) -> None:
    source = write("a.jsonl", [*lines(5), *lines(2), b"{"])
    refused = run(source, "--index", index_name, "--url", opensearch, "--dry-run")
    assert "a.jsonl line 8 is not JSON" in one_sentence(refused)
    arguments = (source, "--index", index_name, "--url", opensearch, "--dry-run", "--on-bad-record", "skip")
    told = orjson.loads(run(*arguments, "--json").out)
    assert (told["index_is"], told["documents"], told["rejected"], told["duplicates"]) == ("missing", 7, 1, 2)
    shown = run(*arguments)
    assert (shown.code, shown.err) == (0, "Nothing was created or indexed.\n")
    assert index_name in shown.out
    assert not exists(opensearch, index_name)
    assert [path.name for path in Path().iterdir()] == ["a.jsonl"]
    create_index(connect(opensearch), index_name, word_contract(), IndexOptions())
    assert orjson.loads(run(*arguments, "--json").out)["index_is"] == "ready"
    assert count(opensearch, index_name) == 0


@pytest.mark.cluster
def test_small_weights_are_left_out_and_settings_of_a_load_are_put_back(
    run: Run, opensearch: str, index_name: str
) -> None:
    where = ("--index", index_name, "--url", opensearch)
    source = write("a.jsonl", [b'{"_id": "1", "text": "rye bread of 1 day"}'])
    done = run(source, *where, "--min-weight", 3, "--load-settings", "fast", "--json")
    assert (done.code, orjson.loads(done.out)["in_index"]) == (0, 1)
    client = connect(opensearch)
    assert client.get(index=index_name, id="1")["_source"]["csplade_terms"] == {"rye": 3.0, "bread": 5.0, "day": 3.0}
    killed = loading(client, index_name, LoadSettings.SAFE)
    killed.__enter__()
    assert orjson.loads(run("--restore", *where, "--json").out) == {"index": index_name, "restored": True}
    settings = client.indices.get_settings(index=index_name)[index_name]["settings"]["index"]
    assert settings["refresh_interval"] == "5s"
    assert "No run has left settings" in run("--restore", *where).err


@pytest.mark.cluster
def test_a_run_that_is_refused_leaves_the_one_that_goes_on_alone(run: Run, opensearch: str, index_name: str) -> None:
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    source = write("a.jsonl", lines(3))
    uuid, digest = index_uuid(client, index_name), find_source("a.jsonl").digest()
    assert uuid
    assert digest
    job = Job(digest, index_name, uuid, word_contract().fingerprint, "None None title,text stop 0.0")
    where = ("--index", index_name, "--url", opensearch, "--checkpoint", "c")
    with Checkpoint.open(Path("c"), job), loading(client, index_name, LoadSettings.SAFE):
        refused = run(source, *where)
        assert (refused.code, "another run writes to the checkpoint c" in refused.err) == (2, True)
        settings = client.indices.get_settings(index=index_name)[index_name]["settings"]["index"]
        assert settings["refresh_interval"] == "-1"
    assert count(opensearch, index_name) == 0


@pytest.mark.cluster
def test_a_checkpoint_counts_for_its_own_source_and_its_own_index_only(
    run: Run, opensearch: str, index_name: str
) -> None:
    client = connect(opensearch)
    where = ("--index", index_name, "--url", opensearch, "--checkpoint", "c", "--json")

    def make() -> None:
        create_index(client, index_name, word_contract(), IndexOptions())

    def settled() -> Job:
        uuid, digest = index_uuid(client, index_name), find_source("a.jsonl").digest()
        assert uuid
        assert digest
        return Job(digest, index_name, uuid, word_contract().fingerprint, "None None title,text stop 0.0")

    def skipped(job: Job) -> int:
        with Checkpoint.open(Path("c"), job) as kept:
            kept.settle(0, 2, [], None)
        told = orjson.loads(run(source, *where).out)
        assert told["indexed"] + told["skipped"] == told["in_index"] == 3
        assert not Path("c").exists()
        return int(told["skipped"])

    make()
    source = write("a.jsonl", lines(3))
    assert orjson.loads(run(source, *where).out)["skipped"] == 0
    job = settled()
    assert skipped(job) == 2
    write("a.jsonl", lines(3, text="other"))
    assert skipped(job) == 0
    write("a.jsonl", lines(3))
    client.indices.delete(index=index_name)
    make()
    assert skipped(job) == 0
    assert count(opensearch, index_name) == 3


def test_a_checkpoint_of_standard_input_is_wrong_usage(run: Run) -> None:
    result = run("-", "--index", "articles", "--url", NOWHERE, "--checkpoint", "c")
    assert result.code == 2
    assert "--checkpoint c needs a SOURCE that can be read again" in one_sentence(result)


@pytest.mark.cluster
def test_stopped_by_hand_it_says_how_far_it_came_and_goes_on_when_run_again(
    run: Run, opensearch: str, index_name: str
) -> None:
    arguments = [str(write("a.jsonl", lines(800))), "--index", index_name, "--url", opensearch, "--batch", "10"]
    process = start(Path(), arguments, most=700)
    client = connect(opensearch)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if exists(opensearch, index_name):
            client.indices.refresh(index=index_name)
            if count(opensearch, index_name):
                break
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert "documents are indexed. Run again, the same command goes on from there." in err
    assert err.endswith("\nStopped.\n")
    assert "Traceback" not in err

    again = run(*arguments, "--json")
    assert again.code == 0
    assert "Going on where an earlier run was" in again.err
    told = orjson.loads(again.out)
    assert (told["read"], told["failed"], told["in_index"]) == (800, 0, 800)
    assert 0 < told["skipped"] == 800 - told["indexed"]
    assert count(opensearch, index_name) == 800
    assert not list(Path().glob("*.checkpoint"))
