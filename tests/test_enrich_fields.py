"""Which text fields `csplade enrich` reads of an index, on a real server: those it was filled with. It changes none."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.documents import RecordOptions, mark_of
from csplade.integration.errors import IndexConflictError
from csplade.integration.index import create_index
from csplade.integration.index_mapping import mapping_of, our_meta
from csplade.integration.sparse_search import BulkOptions, SparseSearch
from csplade.integration.templates import IndexOptions, index_body
from csplade.pipelines.jsonl import write_line
from csplade.tests.command_run import Run, run
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector

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


def encoded(text: str, parts: str = "") -> dict[str, object]:
    """Return what is written beside a text; `parts` as the mark of a copy tells them."""
    return {"csplade_terms": word_vector(text).weights, "csplade_encoded": mark_of(FINGERPRINT, text) + parts}


def change(url: str, index: str, identity: str, **fields: object) -> None:
    """Update a part of a document, as an application does."""
    connect(url).update(index=index, id=identity, body={"doc": fields}, params={"refresh": "true"})


def found(url: str, index: str, word: str) -> list[str]:
    """Return the ids of the documents whose `text` has a word, as BM25 finds them."""
    hits = connect(url).search(index=index, body={"query": {"match": {"text": word}}})["hits"]["hits"]
    return sorted(hit["_id"] for hit in hits)


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
    assert "1 document has no text in title, body, and so no weights." in report.err
    text = "Oats\nThey do not."
    new = {"title": "Oats", "body": "They do not.", "text": text, **encoded(text, ":title=4,body=12")}
    assert stored(opensearch, index_name, "new") == new
    # Its body went into its text alone, when it was ingested.
    assert stored(opensearch, index_name, "old") == before
    again = told(run, opensearch, index_name)
    assert (again["current"], again["encoded"], again["without_text"]) == (3, 0, 0)
    change(opensearch, index_name, "new", body="Some do.")
    told(run, opensearch, index_name)
    assert stored(opensearch, index_name, "new")["text"] == "Oats\nSome do."


@pytest.mark.parametrize(("options", "name"), [((), "text"), (("--text-fields", "title,body"), "body")])
def test_a_copied_text_follows_a_title_that_alone_is_changed(
    run: Run, opensearch: str, index_name: str, options: tuple[str, ...], name: str
) -> None:
    ingest(run, opensearch, index_name, [{"_id": "1", "title": "Rye", name: "It keeps."}], *options)
    for title in ("Oats", "Barley"):
        change(opensearch, index_name, "1", title=title)
        assert found(opensearch, index_name, title) == []
        assert told(run, opensearch, index_name)["encoded"] == 1
        text = f"{title}\nIt keeps."
        assert stored(opensearch, index_name, "1") == {
            "title": title,
            "text": text,
            **encoded(text, f":title={len(title)},{name}!9"),
        }
        assert found(opensearch, index_name, title) == found(opensearch, index_name, "keeps") == ["1"]
        assert found(opensearch, index_name, "Rye") == []
        assert told(run, opensearch, index_name)["encoded"] == 0


def test_a_text_that_an_application_wrote_stays_whatever_else_it_changes(
    run: Run, opensearch: str, index_name: str
) -> None:
    ingest(run, opensearch, index_name, RECORDS)
    put(opensearch, index_name, "own", text="Salt")
    change(opensearch, index_name, "rye", text="It crumbles.")
    told(run, opensearch, index_name)
    for one in ("own", "rye"):
        change(opensearch, index_name, one, title="Zeppelin")
    # One that had no title has one now, and nobody wrote its text since.
    change(opensearch, index_name, "oats", title="Zeppelin")
    assert told(run, opensearch, index_name)["encoded"] == 3
    texts = {one: stored(opensearch, index_name, one)["text"] for one in ("own", "rye", "oats")}
    assert texts == {"own": "Salt", "rye": "It crumbles.", "oats": "Zeppelin\nThey do not."}
    assert stored(opensearch, index_name, "own")["csplade_terms"] == word_vector("Zeppelin Salt").weights
    assert found(opensearch, index_name, "zeppelin") == ["oats"]
    assert told(run, opensearch, index_name)["encoded"] == 0


def test_a_text_beside_other_text_fields_is_kept_where_somebody_wrote_it(
    run: Run, opensearch: str, index_name: str
) -> None:
    old = f"{index_name}-old"
    put(opensearch, old, "1", name="Rye", about={"long": "It keeps."})
    fields = ("--text-fields", "name,about.long")
    try:
        assert run("reindex", "--from", old, "--to", index_name, "--url", opensearch, *fields).code == 0
        assert told(run, opensearch, index_name)["current"] == 1
        put(opensearch, index_name, "own", name="Oats", text="My own.")
        change(opensearch, index_name, "1", about={"long": "It crumbles."})
        assert told(run, opensearch, index_name)["encoded"] == 2
        assert found(opensearch, index_name, "crumbles") == ["1"]
        own = {"name": "Oats", "text": "My own.", **encoded("Oats")}
        assert stored(opensearch, index_name, "own") == own
        change(opensearch, index_name, "1", text="Mine too.")
        change(opensearch, index_name, "1", name="Barley")
        told(run, opensearch, index_name)
        assert stored(opensearch, index_name, "1")["text"] == "Mine too."
    finally:
        connect(opensearch).indices.delete(index=old)


def recorded(url: str, index: str) -> list[str]:
    return list(our_meta(mapping_of(connect(url), index)[1])["text_fields"])


def test_documents_of_other_text_fields_are_refused_until_enrich_has_changed_them_for_all(
    run: Run, opensearch: str, index_name: str
) -> None:
    create_index(connect(opensearch), index_name, word_contract(), IndexOptions())
    ingest(run, opensearch, index_name, RECORDS[1:], "--text-fields", "text")
    assert recorded(opensearch, index_name) == ["text"]
    Path("titled.jsonl").write_bytes(write_line(RECORDS[0]))
    titled = ("ingest", "titled.jsonl", "--index", index_name, "--url", opensearch)
    refused = run(*titled)
    assert refused.code == 1
    assert "was filled with the text fields text, and would get documents made of title,text" in refused.err
    assert "give --text-fields text, or the name of a new index" in refused.err
    assert recorded(opensearch, index_name) == ["text"]
    where = ("enrich", "--index", index_name, "--url", opensearch)
    asked = run(*where, "--text-fields", "title,text")
    assert f"{index_name} was filled with the text fields text, and is encoded from title,text now" in asked.err
    assert recorded(opensearch, index_name) == ["title", "text"]
    assert "text fields" not in run(*where).err
    assert run(*titled).code == 0
    assert told(run, opensearch, index_name)["current"] == 2


def test_python_refuses_other_text_fields_as_ingest_does(opensearch: str, index_name: str, tmp_path: Path) -> None:
    articles = SparseSearch(connect(opensearch), WordEncoder(), index_name)
    body = BulkOptions(records=RecordOptions(text_fields=("title", "body")), dead_letters=tmp_path / "dead.jsonl")
    assert articles.bulk([{"id": 1, "title": "Rye", "body": "It keeps."}], body).indexed == 1
    with pytest.raises(IndexConflictError, match="was filled with the text fields title,body, and would get"):
        articles.bulk(RECORDS)
    assert recorded(opensearch, index_name) == ["title", "body"]
    assert articles.bulk([{"id": 2, "body": "It does not."}], body).indexed == 1
    assert stored(opensearch, index_name, "1")["csplade_encoded"].endswith(":title=3,body!9")


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
            == {"title": "Rye", "text": "Rye\nIt keeps.", **encoded("Rye\nIt keeps.", ":title=3,text!9")}
        )
    finally:
        connect(opensearch).indices.delete(index=old)


def test_text_fields_that_were_misspelled_are_told_and_put_right_in_the_order_that_is_asked_for(
    run: Run, opensearch: str, index_name: str
) -> None:
    record = {"_id": "1", "title": "Rye", "body": "It keeps."}
    said = ingest(run, opensearch, index_name, [record], "--text-fields", "titel,body")
    assert "No record has a field 'titel': look whether --text-fields is right." in said
    # `body` stands in `text` alone, and the mapping has no such field.
    report = told(run, opensearch, index_name, "--text-fields", "title,body")
    assert (report["encoded"], report["text_fields"]) == (1, ["title", "body"])
    assert stored(opensearch, index_name, "1")["text"] == "Rye\nIt keeps."
    assert told(run, opensearch, index_name)["current"] == 1
    assert "No record has" not in ingest(run, opensearch, index_name, [record], "--text-fields", "title,body")
