"""Which text fields `csplade enrich` reads of an index, on a real server: those it was filled with. It changes none."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.documents import mark_of
from csplade.integration.index import create_index
from csplade.integration.index_mapping import mapping_of, our_meta
from csplade.integration.templates import IndexOptions, index_body
from csplade.pipelines.jsonl import write_line
from csplade.tests.command_run import Run, run
from csplade.tests.word_encoder import word_contract, word_vector

__all__ = ["run"]

pytestmark = pytest.mark.cluster

FINGERPRINT = word_contract().fingerprint
RECORDS = [{"_id": "rye", "title": "Rye", "text": "It keeps."}, {"_id": "oats", "text": "They do not."}]


def ingest(run: Run, url: str, index: str, records: list[dict[str, str]], *options: object) -> str:
    Path("records.jsonl").write_bytes(b"".join(map(write_line, records)))
    done = run("ingest", "records.jsonl", "--index", index, "--url", url, *options)
    assert done.code == 0, done
    return done.err


def told(run: Run, url: str, index: str, *options: object) -> dict[str, Any]:
    done = run("enrich", "--index", index, "--url", url, "--json", *options)
    assert done.code == 0, done
    return dict(orjson.loads(done.out))


def put(url: str, index: str, identity: str, **source: object) -> None:
    connect(url).index(index=index, id=identity, body=source, params={"refresh": "true"})


def stored(url: str, index: str, identity: str) -> dict[str, Any]:
    return dict(connect(url).get(index=index, id=identity)["_source"])


def encoded(text: str) -> dict[str, object]:
    return {"csplade_terms": word_vector(text).weights, "csplade_encoded": mark_of(FINGERPRINT, text)}


@pytest.mark.parametrize("options", [(), ("--text-fields", "title,text")])
def test_what_ingest_wrote_is_current_and_stays_as_it_is(
    run: Run, opensearch: str, index_name: str, options: tuple[str, ...]
) -> None:
    ingest(run, opensearch, index_name, RECORDS)
    before = [stored(opensearch, index_name, one["_id"]) for one in RECORDS]
    for _ in range(2):
        report = told(run, opensearch, index_name, *options)
        assert (report["read"], report["current"], report["text_fields"]) == (2, 2, ["title", "text"])
    assert [stored(opensearch, index_name, one["_id"]) for one in RECORDS] == before


@pytest.mark.parametrize("made_by", ["ingest", "index create"])
def test_a_title_is_encoded_too_and_no_field_is_changed(
    run: Run, opensearch: str, index_name: str, made_by: str
) -> None:
    if made_by == "ingest":
        ingest(run, opensearch, index_name, RECORDS[:1])
    else:
        create_index(connect(opensearch), index_name, word_contract(), IndexOptions())
    flies = {"title": "Zeppelin", "text": "It flies slowly."}
    put(opensearch, index_name, "new", **flies)
    # As the gateway writes with covers = ["title", "text"].
    given = {**flies, **encoded("Zeppelin\nIt flies slowly.")}
    put(opensearch, index_name, "given", **given)
    assert told(run, opensearch, index_name)["encoded"] == 1
    assert stored(opensearch, index_name, "new") == given
    assert stored(opensearch, index_name, "given") == given
    assert told(run, opensearch, index_name)["encoded"] == 0


def test_the_fields_that_ingest_took_are_read_of_documents_that_come_later(
    run: Run, opensearch: str, index_name: str
) -> None:
    record = {"_id": "old", "title": "Rye", "body": "It keeps."}
    ingest(run, opensearch, index_name, [record], "--text-fields", "title,body")
    before = stored(opensearch, index_name, "old")
    put(opensearch, index_name, "new", title="Oats", body="They do not.")
    put(opensearch, index_name, "none", year=1999)
    report = run("enrich", "--index", index_name, "--url", opensearch)
    assert "1 documents have no text in title, body: they have no weights." in report.err
    text = "Oats\nThey do not."
    new = {"title": "Oats", "body": "They do not.", "text": text, **encoded(text)}
    assert stored(opensearch, index_name, "new") == new
    # Its body went into its text alone, when it was ingested.
    assert stored(opensearch, index_name, "old") == before
    again = told(run, opensearch, index_name)
    assert (again["current"], again["encoded"], again["without_text"]) == (3, 0, 0)
    connect(opensearch).update(
        index=index_name, id="new", body={"doc": {"body": "Some do."}}, params={"refresh": "true"}
    )
    told(run, opensearch, index_name)
    assert stored(opensearch, index_name, "new")["text"] == "Oats\nSome do."


def test_an_index_that_knows_no_fields_gets_those_of_the_first_ingest_and_others_are_told(
    run: Run, opensearch: str, index_name: str
) -> None:
    create_index(connect(opensearch), index_name, word_contract(), IndexOptions())
    assert "text fields" not in ingest(run, opensearch, index_name, RECORDS[1:], "--text-fields", "text")
    assert our_meta(mapping_of(connect(opensearch), index_name)[1])["text_fields"] == ["text"]
    assert "filled with the text fields text before, and gets documents made of title,text" in ingest(
        run, opensearch, index_name, RECORDS
    )
    where = ("enrich", "--index", index_name, "--url", opensearch)
    asked = run(*where, "--text-fields", "title,text")
    assert f"{index_name} was filled with the text fields text, and is encoded from title,text now" in asked.err
    assert "text fields" not in run(*where).err


def test_an_index_of_others_is_told_how_to_copy_and_a_document_without_weights_how_to_encode_it(
    run: Run, opensearch: str, index_name: str
) -> None:
    put(opensearch, index_name, "1", name="Rye")
    refused = run("enrich", "--index", index_name, "--url", opensearch)
    assert f"`csplade reindex --from {index_name} --to NEW`" in refused.err
    connect(opensearch).indices.delete(index=index_name)
    ingest(run, opensearch, index_name, RECORDS)
    put(opensearch, index_name, "1", text="Rye")
    shown = run("explain", "rye", "--index", index_name, "--url", opensearch, "--document", "1")
    assert "`csplade enrich`" in shown.out


@pytest.mark.parametrize(
    ("source", "lacking"),
    [
        ({"excludes": ["secret"]}, "'secret'"),
        ({"includes": ["text", "csplade_*"]}, "what is not 'text', 'csplade_*'"),
    ],
)
def test_an_index_whose_source_lacks_fields_is_refused_and_stays_as_it_is(
    run: Run, opensearch: str, index_name: str, source: dict[str, object], lacking: str
) -> None:
    body = index_body(word_contract(), IndexOptions())
    body["mappings"]["_source"] = source
    connect(opensearch).indices.create(index=index_name, body=body)
    put(opensearch, index_name, "1", text="Rye", secret="x")
    before = stored(opensearch, index_name, "1")
    refused = run("enrich", "--index", index_name, "--url", opensearch)
    assert (refused.code, refused.out) == (1, "")
    assert f"in `_source`, without {lacking}, which would be lost" in refused.err
    assert stored(opensearch, index_name, "1") == before == {"text": "Rye"}


def test_an_unmended_dead_letter_tells_how_to_mend_it(run: Run, opensearch: str, index_name: str) -> None:
    Path("bad.jsonl").write_bytes(b'{"_id": "1", "text": "Rye"}\n{"_id": "2", "text": \n')
    where = ("--index", index_name, "--url", opensearch)
    failed = run("ingest", "bad.jsonl", *where, "--on-bad-record", "skip", "--json")
    letters = Path(orjson.loads(failed.out)["dead_letters"])
    again = run("ingest", letters, *where)
    assert again.code == 1
    assert "mend what stands in 'csplade_raw', and write it in the place of the whole line" in again.err
    raw = orjson.loads(letters.read_bytes())["csplade_raw"]
    letters.write_text(raw.strip() + ' "Oats"}\n')
    assert run("ingest", letters, *where).code == 0
    assert stored(opensearch, index_name, "2")["text"] == "Oats"


def test_a_new_version_of_what_ingest_made_has_the_same_texts(run: Run, opensearch: str, index_name: str) -> None:
    new = f"{index_name}-v2"
    ingest(
        run, opensearch, index_name, [{"_id": "1", "title": "Rye", "body": "It keeps."}], "--text-fields", "title,body"
    )
    try:
        assert run("reindex", "--from", index_name, "--to", new, "--url", opensearch).code == 0
        assert stored(opensearch, new, "1") == stored(opensearch, index_name, "1")
        assert told(run, opensearch, new)["current"] == 1
    finally:
        connect(opensearch).indices.delete(index=new)


def test_a_copy_whose_text_stands_among_its_fields_is_current(run: Run, opensearch: str, index_name: str) -> None:
    old = f"{index_name}-old"
    put(opensearch, old, "1", title="Rye", text="It keeps.")
    try:
        asked = ("reindex", "--from", old, "--to", index_name, "--url", opensearch, "--text-fields", "title,text")
        assert run(*asked).code == 0
        before = stored(opensearch, index_name, "1")
        assert told(run, opensearch, index_name)["current"] == 1
        assert (
            stored(opensearch, index_name, "1")
            == before
            == {"title": "Rye", "text": "Rye\nIt keeps.", **encoded("Rye\nIt keeps.")}
        )
    finally:
        connect(opensearch).indices.delete(index=old)
