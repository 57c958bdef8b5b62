"""What a person may give by mistake, on a real server: it is said as docs/operations.md tells, and nothing is lost.

What one command alone refuses stands with the tests of that command.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.index import create_index, is_closed
from csplade.integration.templates import IndexOptions
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

PAGE = Path(__file__).resolve().parent.parent / "docs" / "operations.md"
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


def write(records: list[dict[str, object]], name: str = "a.jsonl") -> Path:
    Path(name).write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return Path(name)


def count(client: OpenSearch, index: str) -> int:
    client.indices.refresh(index=index)
    return int(client.count(index=index)["count"])


@dataclass(frozen=True)
class Place:
    """What the table of the page speaks of."""

    client: OpenSearch
    names: dict[str, str]

    def closed(self) -> None:
        self.client.indices.close(index=self.names["INDEX"])

    def read_only(self, blocked: bool | None = True) -> None:
        self.client.indices.put_settings(index=self.names["INDEX"], body={"index.blocks.write": blocked})

    def counts(self) -> dict[str, int | None]:
        self.client.indices.open(index=self.names["INDEX"])
        self.read_only(None)
        named = {name: self.names[name] for name in ("INDEX", "SECOND", "FOREIGN", "NEW")}
        there = self.client.indices.exists
        return {name: count(self.client, one) if there(index=one) else None for name, one in named.items()}

    def filled(self, text: str) -> str:
        return re.sub("|".join(map(re.escape, self.names)), lambda found: self.names[found[0]], text)


@pytest.fixture(scope="module")
def place(opensearch: str) -> Iterator[Place]:
    """Give the indexes that the table speaks of: what it tells changes at most the documents of INDEX."""
    client, prefix = connect(opensearch), f"test-{uuid4().hex}"
    theirs, ours = word_contract("old-model", opset=2), word_contract()
    names = {name: f"{prefix}-{name.lower()}" for name in ("INDEX", "SECOND", "FOREIGN", "NEW", "BOTH")}
    for name, contract, documents in (("INDEX", ours, RECORDS), ("SECOND", ours, RECORDS[:1]), ("FOREIGN", theirs, [])):
        create_index(client, names[name], contract, IndexOptions())
        for document in documents:
            body = {key: value for key, value in document.items() if key != "_id"}
            client.index(index=names[name], id=document["_id"], body=body)
    for name in ("INDEX", "SECOND"):
        client.indices.put_alias(index=names[name], name=names["BOTH"])
    told = {"THEIRS": theirs.fingerprint, "OURS": ours.fingerprint, "URL": opensearch, "$WORDS": LONG_QUERY}
    yield Place(client, {**names, **told})
    gone = ",".join(names[name] for name in ("INDEX", "SECOND", "FOREIGN", "NEW"))
    client.indices.delete(index=gone, params={"ignore_unavailable": "true"})


def numbers_parquet(_: Place) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"id": ["1", "2"], "text": [1.5, 2.5]}), "numbers.parquet")


SUMMARY: dict[str, object] = {"id": 1, "title": "Rye", "body": "It keeps.", "text": "a summary"}
GOOD: list[dict[str, object]] = [{"_id": "good", "text": "bread"}]


def nothing(_: Place) -> None:
    """Leave everything as it is."""


LONG_QUERY = " ".join(["bread", *(f"word{number}" for number in range(4999))])
PREPARED: dict[str, Callable[[Place], object]] = {
    "an alias of two indexes": nothing,
    "an index of another encoder": nothing,
    "a closed index": Place.closed,
    "a closed index, copied": Place.closed,
    "a closed index, written to": Place.closed,
    "a read-only index": Place.read_only,
    "a field that is mapped to another type": lambda _: write(
        [{"_id": "3", "text": "bread", "year": {"of": "harvest"}}], "clash.jsonl"
    ),
    "an id of more than 512 bytes": lambda _: write([{"_id": "é" * 256 + "x", "text": "bread"}], "long-id.jsonl"),
    "an id that comes three times": lambda _: write(
        [{"_id": "3", "text": text} for text in ("bread", "butter", "oven")], "twice.jsonl"
    ),
    "a field `text` that is not among the text fields": lambda _: write([SUMMARY], "summary.jsonl"),
    "a JSON array": lambda _: Path("array.json").write_bytes(orjson.dumps(GOOD)),
    "a table separated by semicolons": lambda _: Path("semicolons.csv").write_text("id;text\n1;bread\n"),
    "a Parquet column of numbers where text belongs": numbers_parquet,
    "a field that the index has not": nothing,
    "a field that holds no text": nothing,
    "a field that holds no weights": nothing,
    "a query of 5,000 words, by terms": nothing,
    "the same, by words": nothing,
    "the same, by both": nothing,
    "an empty query": nothing,
    "a document that is not there": nothing,
    "a query with no known term": nothing,
}


def told_on_the_page() -> Iterator[tuple[str, str, int, str]]:
    """Give each command of the table, of which case it is, how it ends, and what it prints."""
    part = PAGE.read_text().split("\n## Bad input\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")][1:]
    for what, commands, code, said, *_ in rows:
        for command in re.findall("`([^`]+)`", commands):
            yield what, command, int(code), said.strip("`")


TOLD = list(told_on_the_page())


def test_the_page_tells_of_each_case() -> None:
    assert {what for what, *_ in TOLD} == PREPARED.keys()


@pytest.mark.parametrize(("what", "command", "code", "said"), TOLD, ids=[command for _, command, *_ in TOLD])
def test_the_page_tells_what_is_printed(run: Run, place: Place, what: str, command: str, code: int, said: str) -> None:
    write(GOOD, "good.jsonl")
    before = place.counts()
    PREPARED[what](place)
    result = run(*map(place.filled, shlex.split(command)))
    assert result.code == code, result
    assert place.filled(said) in result.err.splitlines(), result.err
    assert "Traceback" not in result.err
    if code:
        assert said.startswith("Error: ")
        assert place.counts() == before


def test_a_closed_index_stays_closed_and_once_open_takes_what_it_refused(run: Run, place: Place) -> None:
    write(GOOD, "good.jsonl")
    before = place.counts()["INDEX"] or 0
    place.closed()
    ingest = ("ingest", "good.jsonl", "--index", place.names["INDEX"])
    assert run(*ingest).code == 1
    assert is_closed(place.client, place.names["INDEX"])
    place.client.indices.open(index=place.names["INDEX"])
    assert run(*ingest).code == 0
    assert place.counts()["INDEX"] == before + 1


def test_an_index_of_another_encoder_is_found_by_words(run: Run, place: Place) -> None:
    place.client.index(index=place.names["FOREIGN"], id="1", body={"text": "bread"}, params={"refresh": "true"})
    found = run("query", "bread", "--mode", "bm25", "--index", place.names["FOREIGN"], "--json")
    assert [hit["id"] for hit in orjson.loads(found.out)["hits"]] == ["1"]


def test_a_read_only_index_takes_nothing_and_is_read(run: Run, client: OpenSearch, index: str) -> None:
    client.indices.put_settings(index=index, body={"index.blocks.write": True})
    records = write([{"_id": "3", "text": "bread"}], "b.jsonl")
    assert run("ingest", records, "--index", index).code == 1
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
    (letters,) = Path().glob("*.failed.jsonl")
    letter = orjson.loads(letters.read_bytes())
    assert (letter["_id"], letter["year"]) == ("3", {"of": "harvest"})
    assert "year" in letter["csplade_error"]
    letters.write_bytes(orjson.dumps({**letter, "year": 2003}) + b"\n")
    assert run("ingest", letters, "--index", index).code == 0
    assert count(client, index) == 3


def test_a_text_that_would_be_replaced_is_kept_in_the_dead_letters_and_goes_in_under_another_name(
    run: Run, client: OpenSearch, index_name: str
) -> None:
    index = index_name
    records = write([SUMMARY, {"id": 4, "title": "Oats", "body": "They do not."}], "b.jsonl")
    skipped = run("ingest", records, "--index", index, "--text-fields", "title,body", "--on-bad-record", "skip")
    assert skipped.code == 1
    (letters,) = Path().glob("*.failed.jsonl")
    letter = orjson.loads(letters.read_bytes())
    assert "a field 'text' that would be replaced" in letter.pop("csplade_error")
    assert letter == SUMMARY
    letters.write_bytes(orjson.dumps({**letter, "text": None, "summary": letter["text"]}) + b"\n")
    assert run("ingest", letters, "--index", index, "--text-fields", "title,body").code == 0
    source = client.get(index=index, id="1")["_source"]
    assert (source["text"], source["summary"]) == ("Rye\nIt keeps.", "a summary")
    assert count(client, index) == 2


def test_fields_that_have_our_names_are_never_taken_from_a_record(run: Run, client: OpenSearch, index: str) -> None:
    ours: dict[str, object] = {"csplade_terms": {"forged": 9.0}, "csplade_encoded": "forged", "csplade_passages": 7}
    assert run("ingest", write([{"_id": "3", "text": "bread", **ours}], "b.jsonl"), "--index", index).code == 0
    source = client.get(index=index, id="3")["_source"]
    assert source["csplade_terms"] == {"bread": 5.0}
    assert source["csplade_encoded"].startswith(word_contract().fingerprint)
    assert "csplade_passages" not in source


def test_an_id_of_512_bytes_is_taken(run: Run, client: OpenSearch, index: str) -> None:
    longest = "é" * 256
    assert run("ingest", write([{"_id": longest, "text": "bread"}], "b.jsonl"), "--index", index).code == 0
    assert client.exists(index=index, id=longest)


def test_of_ids_that_come_twice_the_last_wins(run: Run, client: OpenSearch, index: str) -> None:
    records: list[dict[str, object]] = [{"_id": "3", "text": text} for text in ("bread", "butter", "oven")]
    assert run("ingest", write(records, "b.jsonl"), "--index", index).code == 0
    assert client.get(index=index, id="3")["_source"]["text"] == "oven"


@pytest.mark.parametrize("mode", ["sparse", "hybrid", "bm25"])
def test_a_query_that_holds_nothing_or_nothing_known(run: Run, index: str, mode: str) -> None:
    for text in ("", "unheardof"):
        result = run("query", text, "--index", index, "--mode", mode, "--json")
        assert (result.code, orjson.loads(result.out)["hits"]) == (0, [])
