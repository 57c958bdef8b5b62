"""What is encoded of a document, whoever wrote it: always what ingest would have encoded, and never twice."""

from typing import Any

import orjson
import pytest
from csplade.integration.documents import Document, RecordOptions, bulk_lines, to_document
from csplade.integration.encoded_text import EncodedText, encoded_text, marked
from csplade.integration.reindex_documents import copied
from csplade.integration.text_copy import Part, copy_mark
from csplade.pipelines.sparse import SparseVector

USUAL = ("title", "text")
RYE = {"title": "Rye", "text": "It keeps."}


@pytest.mark.parametrize(
    "names", [USUAL, ("text", "title"), ("title", "body"), ("body",), ("text", "body"), ("title",)]
)
@pytest.mark.parametrize(
    "record", [{"title": "Rye", "text": "Old", "body": "It keeps."}, {"text": "Old", "body": "Rye"}]
)
def test_of_a_record_and_of_what_ingest_makes_of_it_the_same_is_encoded(
    names: tuple[str, ...], record: dict[str, Any]
) -> None:
    if names == ("title",) and "title" not in record:
        return
    written = {name: value for name, value in record.items() if name in {*names, "title"}}
    # A text that is not named would be replaced, and such a record is refused.
    given = {name: value for name, value in record.items() if name != "text" or name in names}
    made = to_document({"_id": "1", **given}, RecordOptions(text_fields=names))
    stored = {"text": made.text, **(made.fields or {}), **({} if made.title is None else {"title": made.title})}
    assert encoded_text(written, names).text == made.text
    if names != ("body",):
        stored = {name: value for name, value in stored.items() if name != "body"}
    assert encoded_text(stored, names).text == made.text
    # And of that which enriching has written besides.
    assert encoded_text({**written, "text": written.get("text", made.text)}, names).text == made.text


@pytest.mark.parametrize(
    ("source", "names", "expected"),
    [
        (RYE, USUAL, "Rye\nIt keeps."),
        ({**RYE, "text": "Rye\nIt keeps."}, USUAL, "Rye\nIt keeps."),
        # Only a whole line is a title that stands there already.
        ({**RYE, "text": "Ryegrass."}, USUAL, "Rye\nRyegrass."),
        # What stands in `text` is somebody's own: no mark says that it is a copy.
        ({"title": "Rye", "body": "New.", "text": "Rye\nOld."}, ("title", "body"), "Rye\nNew."),
        ({"title": "Rye", "text": "Rye\nOld."}, ("title", "body"), "Rye\nOld."),
        # A text that was taken away is gone; one that was never there was put into `text`.
        ({"about": {"long": None}, "text": "Old."}, ("about.long",), ""),
        ({"about": {"short": "x"}, "text": "Old."}, ("about.long",), "Old."),
        ({"year": 1}, USUAL, ""),
    ],
)
def test_a_text_that_is_no_copy_is_not_written(source: dict[str, Any], names: tuple[str, ...], expected: str) -> None:
    assert encoded_text(source, names) == EncodedText(expected)


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ({"about": [{"long": "a"}, {"long": "b"}]}, (Part("about.long", "a\nb", kept=True),)),
        ({"year": 1}, (Part("about.long", "", kept=False),)),
    ],
)
def test_a_text_that_is_missing_becomes_a_copy_of_the_others(source: dict[str, Any], parts: tuple[Part, ...]) -> None:
    assert encoded_text(source, ("about.long",)) == EncodedText(parts[0].text, parts)


def stored(made: Document, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what the cluster keeps of a document that ingest or reindex has made."""
    lines = bulk_lines(marked(made, "f", names), SparseVector({"rye": 1.0}))
    return dict(orjson.loads(lines.splitlines()[1]))


def ingested(names: tuple[str, ...], **record: str) -> dict[str, Any]:
    return stored(to_document({"_id": "1", **record}, RecordOptions(text_fields=names)), names)


BODY = ("title", "body")


@pytest.mark.parametrize(
    ("names", "record", "change", "expected"),
    [
        (USUAL, RYE, {}, "Rye\nIt keeps."),
        (USUAL, RYE, {"title": "Oats"}, "Oats\nIt keeps."),
        (USUAL, RYE, {"title": None}, "It keeps."),
        # It had none before, and its first line is no title.
        (USUAL, {"text": "One.\nTwo."}, {"title": "Oats"}, "Oats\nOne.\nTwo."),
        # Its body stands in `text` alone, until somebody writes another.
        (BODY, {"title": "Rye", "body": "It keeps."}, {"title": "Oats"}, "Oats\nIt keeps."),
        (BODY, {"title": "Rye", "body": "It keeps."}, {"body": "New."}, "Rye\nNew."),
        (("lead", "text", "end"), {"lead": "A", "text": "B", "end": "C"}, {"end": "D"}, "A\nB\nD"),
    ],
)
def test_a_copy_follows_the_fields_that_it_was_made_of(
    names: tuple[str, ...], record: dict[str, str], change: dict[str, Any], expected: str
) -> None:
    before = ingested(names, **record)
    found = encoded_text({**before, **change}, names)
    assert (found.text, bool(found.parts)) == (expected, True)
    # Written back, it can be taken apart again: no line of an old title gathers in it.
    again = {**before, **change, "text": found.text, "csplade_encoded": copy_mark("f", found.text, found.parts)}
    assert encoded_text(again, names) == found
    assert encoded_text({**again, "title": "Salt"}, names).text.count("\n") <= expected.count("\n") + 1


@pytest.mark.parametrize("mark", ["f-0:text!9", "f-0", None, 7])
def test_a_text_that_somebody_wrote_since_is_no_copy(mark: object) -> None:
    before = ingested(USUAL, **RYE)
    own = encoded_text({**before, "title": "Oats", "text": "My own."}, USUAL)
    assert own == EncodedText("Oats\nMy own.")
    assert encoded_text({**before, "csplade_encoded": mark}, USUAL) == EncodedText("Rye\nIt keeps.")


def test_a_mark_whose_parts_are_not_those_of_the_text_is_not_believed() -> None:
    before = ingested(USUAL, **RYE)
    made = before["csplade_encoded"].partition(":")[0]
    for told in ("title=3", "title=3,text!8", "title=3,text!9,x", "title=4,text!8", "x"):
        assert encoded_text({**before, "csplade_encoded": f"{made}:{told}"}, USUAL).parts == ()


def test_a_field_that_was_taken_away_from_a_copied_document_is_gone() -> None:
    names = ("name", "a,b:c=1")
    hit = {"_id": "1", "_source": {"name": "Rye", "a,b:c=1": "It keeps."}}
    made = copied(hit, names)
    assert isinstance(made, Document)
    before = stored(made, names)
    assert encoded_text(before, names).text == before["text"] == "Rye\nIt keeps."
    assert encoded_text({**before, "a,b:c=1": "Oats."}, names).text == "Rye\nOats."
    assert encoded_text({key: value for key, value in before.items() if key != "a,b:c=1"}, names).text == "Rye"
    # Copied once more, it is still known what its text was made of.
    once_more = copied({"_id": "1", "_source": before}, names)
    assert isinstance(once_more, Document)
    assert stored(once_more, names) == before


def test_other_fields_than_those_of_a_copy_lose_nothing_that_stands_in_it_alone() -> None:
    before = ingested(USUAL, **RYE)
    assert encoded_text({**before, "body": "New."}, BODY).text == "Rye\nNew.\nIt keeps."
    made = ingested(BODY, title="Rye", body="It keeps.")
    assert encoded_text(made, ("title",)).text == "Rye\nIt keeps."
    # Asked for `text` itself, it is read as it is.
    assert encoded_text(made, ("text",)) == EncodedText("Rye\nIt keeps.")
