"""What a person may give by mistake, through `csplade ingest`, `query` and `enrich` on a real server: it is said.

What one command alone refuses stands with the tests of that command.
"""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.index import create_index
from csplade.integration.templates import IndexOptions
from csplade.tests.command_run import Result, Run, runner, use_word_encoder
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

RECORDS = [{"_id": "1", "text": "fresh bread", "year": 2001}, {"_id": "2", "text": "salt", "year": 1999}]


@pytest.fixture
def run(opensearch: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `csplade` on the server, in an empty folder, with the encoder of the tests."""
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("CSPLADE_URL", opensearch)
    return runner(monkeypatch, capsys)


@pytest.fixture
def client(opensearch: str) -> OpenSearch:
    return connect(opensearch)


@pytest.fixture
def index(client: OpenSearch, index_name: str, run: Run) -> str:
    """Return the name of an index that holds `RECORDS`."""
    create_index(client, index_name, word_contract(), IndexOptions())
    assert run("ingest", write(RECORDS), "--index", index_name).code == 0
    return index_name


@pytest.fixture
def second(client: OpenSearch, index: str) -> Iterator[str]:
    """Return the name of another index."""
    name = f"{index}-second"
    create_index(client, name, word_contract(), IndexOptions())
    yield name
    client.indices.delete(index=name)


def write(records: list[dict[str, object]], name: str = "a.jsonl") -> Path:
    Path(name).write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return Path(name)


def one_sentence(result: Result, code: int = 1) -> str:
    assert result.code == code, result
    assert result.out == ""
    assert "Traceback" not in result.err
    error = result.err.splitlines()[-1]
    assert error.startswith("Error: ")
    return error


def count(client: OpenSearch, index: str) -> int:
    client.indices.refresh(index=index)
    return int(client.count(index=index)["count"])


COMMANDS = [("ingest", "a.jsonl"), ("query", "bread"), ("explain", "bread"), ("enrich",)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_alias_of_two_indexes_is_refused_with_both_names(
    run: Run, client: OpenSearch, index: str, second: str, command: tuple[str, ...]
) -> None:
    alias = f"{index}-both"
    for name in (index, second):
        client.indices.put_alias(index=name, name=alias)
    said = one_sentence(run(*command, "--index", alias))
    assert f"{alias!r} is an alias of 2 indexes ({index}, {second}): name one of them with --index" in said
    assert (count(client, index), count(client, second)) == (2, 0)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_closed_index_is_told_and_left_closed(
    run: Run, client: OpenSearch, index: str, command: tuple[str, ...]
) -> None:
    client.indices.close(index=index)
    said = one_sentence(run(*command, "--index", index))
    assert "closed" in said
    client.indices.open(index=index)
    assert count(client, index) == 2


def test_a_read_only_index_takes_nothing_and_is_read(run: Run, client: OpenSearch, index: str) -> None:
    client.indices.put_settings(index=index, body={"index.blocks.write": True})
    records = write([{"_id": "3", "text": "bread"}], "b.jsonl")
    assert "look at its blocks and settings" in one_sentence(run("ingest", records, "--index", index))
    found = run("query", "bread", "--index", index, "--json")
    assert [hit["id"] for hit in orjson.loads(found.out)["hits"]] == ["1"]
    client.indices.put_settings(index=index, body={"index.blocks.write": None})
    # Nothing was lost, and the same command goes on.
    assert run("ingest", records, "--index", index).code == 0
    assert count(client, index) == 3


def test_a_field_of_another_type_goes_to_the_dead_letters_with_the_reason(
    run: Run, client: OpenSearch, index: str
) -> None:
    result = run(
        "ingest", write([{"_id": "3", "text": "bread", "year": {"of": "harvest"}}], "b.jsonl"), "--index", index
    )
    assert result.code == 1
    assert "1 of 1 documents failed" in result.err
    (letters,) = Path().glob("*.failed.jsonl")
    letter = orjson.loads(letters.read_bytes())
    assert (letter["_id"], letter["year"]) == ("3", {"of": "harvest"})
    assert "year" in letter["csplade_error"]
    letters.write_bytes(orjson.dumps({**letter, "year": 2003}) + b"\n")
    assert run("ingest", letters, "--index", index).code == 0
    assert count(client, index) == 3


def test_fields_that_have_our_names_are_never_taken_from_a_record(run: Run, client: OpenSearch, index: str) -> None:
    ours: dict[str, object] = {"csplade_terms": {"forged": 9.0}, "csplade_encoded": "forged", "csplade_passages": 7}
    assert run("ingest", write([{"_id": "3", "text": "bread", **ours}], "b.jsonl"), "--index", index).code == 0
    source = client.get(index=index, id="3")["_source"]
    assert source["csplade_terms"] == {"bread": 5.0}
    assert source["csplade_encoded"].startswith(word_contract().fingerprint)
    assert "csplade_passages" not in source


def test_ids_are_of_512_bytes_at_most(run: Run, client: OpenSearch, index: str) -> None:
    longest, longer = "é" * 256, "é" * 256 + "x"
    assert run("ingest", write([{"_id": longest, "text": "bread"}], "b.jsonl"), "--index", index).code == 0
    assert client.exists(index=index, id=longest)
    said = one_sentence(run("ingest", write([{"_id": longer, "text": "bread"}], "c.jsonl"), "--index", index))
    assert "c.jsonl line 1 has an id of 513 bytes, a cluster takes 1 to 512" in said
    assert count(client, index) == 3


def test_of_ids_that_come_twice_the_last_wins_and_it_is_said(run: Run, client: OpenSearch, index: str) -> None:
    records: list[dict[str, object]] = [{"_id": "3", "text": text} for text in ("bread", "butter", "oven")]
    result = run("ingest", write(records, "b.jsonl"), "--index", index)
    assert result.code == 0
    assert "2 documents had an id that came before: the index keeps the later one." in result.err
    assert client.get(index=index, id="3")["_source"]["text"] == "oven"


def test_a_parquet_column_of_the_wrong_type_creates_nothing(run: Run, client: OpenSearch, index_name: str) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"id": ["1", "2"], "text": [1.5, 2.5]}), "a.parquet")
    said = one_sentence(run("ingest", "a.parquet", "--index", index_name))
    assert "a.parquet line 1 has a number in the field 'text' where text belongs" in said
    assert not client.indices.exists(index=index_name)


@pytest.mark.parametrize("mode", ["sparse", "hybrid", "bm25"])
def test_a_query_of_5000_words(run: Run, index: str, mode: str) -> None:
    """By terms the heaviest are sent; words are all sent, and then the cluster's limit is told with what to do."""
    text = " ".join(["bread", *(f"word{number}" for number in range(4999))])
    result = run("query", text, "--index", index, "--mode", mode, "--json")
    if mode == "sparse":
        assert result.code == 0
        assert "The query has 5000 terms; the 512 heaviest are sent" in result.err
    else:
        said = one_sentence(result, 2)
        assert "more clauses than the cluster takes" in said
        assert "shorten the query or the filter" in said


@pytest.mark.parametrize("mode", ["sparse", "hybrid", "bm25"])
def test_a_query_that_holds_nothing_or_nothing_known(run: Run, index: str, mode: str) -> None:
    for text, told in (("", "The query is empty, so nothing can match it."), ("unheardof", "No document matches.")):
        result = run("query", text, "--index", index, "--mode", mode, "--json")
        assert (result.code, orjson.loads(result.out)["hits"]) == (0, [])
        assert told in result.err


def test_an_index_of_another_encoder_is_named_with_both_fingerprints(
    run: Run, client: OpenSearch, index_name: str
) -> None:
    other = word_contract("others", opset=2)
    create_index(client, index_name, other, IndexOptions())
    write([{"_id": "1", "text": "bread"}])
    for command in COMMANDS:
        said = one_sentence(run(*command, "--index", index_name))
        assert other.fingerprint in said or command == ("enrich",)
        assert word_contract().fingerprint in said
