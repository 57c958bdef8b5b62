"""Documents that others write get weights in place on real servers; nothing they write is lost, whoever is first."""

import re
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.bulk_pace import PaceOptions
from csplade.integration.client import connect
from csplade.integration.documents import Document, mark_of
from csplade.integration.enrich import Enricher, EnrichOptions, prepare_index, write_of
from csplade.integration.enrich_documents import Write
from csplade.integration.index import create_index
from csplade.integration.index_mapping import mapping_of, our_meta
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.patience import Patience
from csplade.integration.templates import WEIGHTS_FIELD, IndexOptions
from csplade.pipelines.sparse import SparseVector
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Run, run
from csplade.tests.ingest_process import start
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector
from opensearchpy import OpenSearch

__all__ = ["run"]

pytestmark = pytest.mark.cluster

QUICK = Patience(attempts=3, first_wait=0.01, longest_wait=0.05, outage=0.0)
COUNT = 60
FINGERPRINT = word_contract().fingerprint


class SlowEncoder(WordEncoder):
    """Leaves others the time to change what it encodes."""

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        for vector in super().documents(texts):
            time.sleep(0.01)
            yield vector


def enricher(line: ClusterLine, folder: Path, encoder: WordEncoder | None = None, slices: int = 4) -> Enricher:
    encoder = encoder or WordEncoder()
    dialect = prepare_index(line.client, line.index, encoder.contract)
    options = EnrichOptions(
        *(line.index, folder / "dead.jsonl", ("text",), write_of(line.client), slices),
        *(PaceOptions(documents=7), QUICK),
    )
    return Enricher(line.client, encoder, dialect, options)


def make(line: ClusterLine) -> None:
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer, shards=2))


def write(client: OpenSearch, index: str, documents: dict[str, dict[str, Any]]) -> None:
    lines = [part for name, source in documents.items() for part in ({"index": {"_id": name}}, source)]
    assert not client.bulk(body=lines, index=index, params={"refresh": "true"})["errors"]


def content(line: ClusterLine) -> dict[str, dict[str, Any]]:
    line.client.indices.refresh(index=line.index)
    source: Any = {"exclude_vectors": False} if line.dialect.hides_weights else True
    hits = line.client.search(index=line.index, body={"size": 10_000, "_source": source})["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


def encoded(source: dict[str, Any]) -> dict[str, Any]:
    """Return what a document must hold once it is current."""
    text = source.get("text") or ""
    weights = {WEIGHTS_FIELD: word_vector(text).weights} if word_vector(text) else {}
    return {**source, **weights, "csplade_encoded": mark_of(FINGERPRINT, text)}


def test_what_has_no_weights_or_old_ones_is_encoded_and_the_rest_is_left_alone(
    line: ClusterLine, tmp_path: Path
) -> None:
    make(line)
    ingest(line.client, WordEncoder(), [Document("fine", "bread")], IngestOptions(line.index, tmp_path / "a.jsonl"))
    fine = line.client.get(index=line.index, id="fine")["_version"]
    old = {WEIGHTS_FIELD: {"stale": 2.0, "rye": 9.0}}
    documents: dict[str, dict[str, Any]] = {
        "new": {"text": "salt salt", "year": 1999},
        "older": {"text": "rye", **old, "csplade_encoded": mark_of("another", "rye")},
        "rewritten": {"text": "oats", **old, "csplade_encoded": mark_of(FINGERPRINT, "rye")},
        "emptied": {"text": "", **old},
        "nothing": {"year": 1},
    }
    write(line.client, line.index, documents)
    report = enricher(line, tmp_path).until_current()
    assert (report.read, report.current, report.encoded, report.failed, report.pending) == (6, 1, 5, 0, 0)
    plain: dict[str, dict[str, Any]] = {
        name: {key: source[key] for key in ("text", "year") if key in source} for name, source in documents.items()
    }
    assert content(line) == {
        **{name: encoded(source) for name, source in plain.items()},
        "fine": encoded({"text": "bread"}),
    }
    assert line.client.get(index=line.index, id="fine")["_version"] == fine
    again = enricher(line, tmp_path).until_current()
    assert (again.read, again.current, again.encoded) == (6, 6, 0)


def test_users_who_write_all_the_time_lose_nothing_and_the_weights_fit_the_newest_text(
    line: ClusterLine, tmp_path: Path
) -> None:
    make(line)
    write(line.client, line.index, {f"d{n}": {"text": f"bread {n}", "count": 0} for n in range(COUNT)})
    expected: dict[str, dict[str, Any]] = {f"d{n}": {"text": f"bread {n}", "count": 0} for n in range(COUNT)}
    stop = threading.Event()
    faults: list[BaseException] = []

    def user(part: int) -> None:
        """Change documents over and over, as applications do: a part of a document, with retries."""
        client, turn = connect(line.url), 0
        try:
            while not stop.is_set():
                turn += 1
                name = f"d{(turn * 2 + part) % COUNT}"
                doc = {"text": f"salt {turn} by {part}", "count": expected[name]["count"] + 1}
                client.update(index=line.index, id=name, body={"doc": doc}, params={"retry_on_conflict": 20})
                expected[name] = doc
        except BaseException as error:
            faults.append(error)

    # Each has documents of its own, so that it is known which change is the last.
    users = [threading.Thread(target=user, args=(part,)) for part in range(2)]
    rounds = enricher(line, tmp_path, SlowEncoder())
    for one in users:
        one.start()
    for _ in range(3):
        rounds.round()
    during = rounds.report
    stop.set()
    for one in users:
        one.join()
    assert faults == []
    report = rounds.until_current()
    assert report.read == report.current + report.encoded + report.superseded + report.failed
    assert (report.failed, report.pending) == (0, 0)
    assert content(line) == {name: encoded(source) for name, source in expected.items()}
    assert during.superseded > 0, "nobody was faster: this run has shown nothing"


def test_a_document_deleted_meanwhile_stays_deleted(line: ClusterLine, tmp_path: Path) -> None:
    make(line)
    write(line.client, line.index, {"gone": {"text": "rye"}, "good": {"text": "oats"}})

    class Deleting(WordEncoder):
        def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
            line.client.delete(index=line.index, id="gone")
            yield from super().documents(texts)

    report = enricher(line, tmp_path, Deleting(), slices=1).until_current()
    assert (report.encoded, report.superseded, report.pending, report.failed) == (1, 1, 0, 0)
    assert content(line) == {"good": encoded({"text": "oats"})}


def test_what_fails_in_any_round_is_in_one_file(line: ClusterLine, tmp_path: Path) -> None:
    raw = {"type": "object", "enabled": False}
    make(line)
    line.client.indices.put_mapping(index=line.index, body={"properties": {"raw": raw}})
    options = EnrichOptions(line.index, tmp_path / "dead.jsonl", ("raw",), write_of(line.client))
    dialect = prepare_index(line.client, line.index, word_contract())
    rounds = Enricher(line.client, WordEncoder(), dialect, options)
    for name in ("a", "b"):
        write(line.client, line.index, {name: {"raw": {"x": 1}}, "good": {"raw": "rye"}})
        rounds.round()
    assert (rounds.report.failed, rounds.report.dead_letters) == (2, tmp_path / "dead.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["dead.jsonl"]
    assert [orjson.loads(one)["_id"] for one in (tmp_path / "dead.jsonl").read_bytes().splitlines()] == ["a", "b"]


def test_scripts_are_used_where_the_cluster_has_them(line: ClusterLine) -> None:
    assert write_of(line.client) is (Write.SCRIPT if line.name.startswith("opensearch-3") else Write.WHOLE)


def test_the_command_encodes_accounts_and_is_done_the_second_time(run: Run, opensearch: str, index_name: str) -> None:
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    # A field that holds whatever is sent.
    client.indices.put_mapping(index=index_name, body={"properties": {"raw": {"type": "object", "enabled": False}}})
    write(client, index_name, {"a": {"raw": "rye"}, "b": {"raw": {"x": 1}}, "c": {"year": 1}})
    where = ("enrich", "--index", index_name, "--url", opensearch, "--text-fields", "raw", "--json")
    failed = run(*where)
    told = orjson.loads(failed.out)
    assert failed.code == 1
    assert "the first: has an object in the field 'raw' where text belongs" in failed.err
    assert (told["read"], told["encoded"], told["failed"], told["text_fields"]) == (3, 2, 1, ["raw"])
    (letter,) = map(orjson.loads, Path(told["dead_letters"]).read_bytes().splitlines())
    assert letter["_id"] == "b"
    write(client, index_name, {"b": {"raw": "salt"}})
    again = run(*where)
    told = orjson.loads(again.out)
    assert (again.code, told["read"], told["current"], told["encoded"]) == (0, 3, 2, 1)
    assert client.get(index=index_name, id="b")["_source"]["csplade_terms"] == {"salt": 4.0}
    wrong = run(*where, "--text-fields", "nothing")
    assert (wrong.code, "has no field 'nothing'" in wrong.err) == (2, True)


def test_another_encoder_is_refused_unless_it_is_to_take_over(
    run: Run, opensearch: str, index_name: str, tmp_path: Path
) -> None:
    client = connect(opensearch)
    create_index(client, index_name, word_contract("other", opset=2), IndexOptions())
    write(client, index_name, {"a": {"text": "rye", "csplade_encoded": mark_of("other", "rye")}})
    where = ("--index", index_name, "--url", opensearch)
    refused = run("enrich", *where)
    assert (refused.code, "was made with the encoder 'other'" in refused.err) == (1, True)
    assert run("enrich", *where, "--replace-encoder").code == 0
    assert our_meta(mapping_of(client, index_name)[1])["fingerprint"] == FINGERPRINT
    assert client.get(index=index_name, id="a")["_source"]["csplade_terms"] == {"rye": 3.0}


def test_a_watch_follows_changes_until_it_is_interrupted(opensearch: str, index_name: str, tmp_path: Path) -> None:
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    word_contract().write(tmp_path)
    where = ["--index", index_name, "--url", opensearch, "--encoder", tmp_path, "--watch", 0.2, "--json"]
    process = start(tmp_path, where, "enrich")
    try:
        for turn in range(2):
            write(client, index_name, {"a": {"text": f"rye {turn}"}})
            wanted, deadline = word_vector(f"rye {turn}").weights, time.monotonic() + 60
            while client.get(index=index_name, id="a")["_source"].get(WEIGHTS_FIELD) != wanted:
                assert time.monotonic() < deadline
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, err
    told = orjson.loads(out)
    assert told["encoded"] == 2
    began, *rounds, ended = (one for one in err.splitlines() if "document" in one or "Watching" in one)
    assert began == f"Watching {index_name} every 0.2 s for changes in title, text; Ctrl-C ends it."
    for one in rounds:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d 1 document encoded, 0 failed\.", one)
    # Ctrl-C may come before the second round is over; the sums know of it.
    assert len(rounds) in (1, 2)
    assert re.fullmatch(r"Stopped after \d+ rounds? in \d+ s: 2 documents encoded, 0 failed\.", ended)
    # A round that Ctrl-C ends is not counted.
    assert told["rounds"] >= 1
    assert told["read"] == told["current"] + told["encoded"] + told["superseded"] + told["failed"]
