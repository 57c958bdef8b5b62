"""What is encoded of a document, whoever wrote it: always what ingest would have encoded, and never twice."""

from typing import Any

import pytest
from csplade.integration.documents import RecordOptions, to_document
from csplade.integration.encoded_text import EncodedText, encoded_text

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
        (RYE, USUAL, EncodedText("Rye\nIt keeps.", copied=False)),
        ({**RYE, "text": "Rye\nIt keeps."}, USUAL, EncodedText("Rye\nIt keeps.", copied=False)),
        # Only a whole line is a title that stands there already.
        ({**RYE, "text": "Ryegrass."}, USUAL, EncodedText("Rye\nRyegrass.", copied=False)),
        (
            {"title": "Rye", "body": "New.", "text": "Rye\nOld."},
            ("title", "body"),
            EncodedText("Rye\nNew.", copied=True),
        ),
        ({"title": "Rye", "text": "Rye\nOld."}, ("title", "body"), EncodedText("Rye\nOld.", copied=False)),
        # A text that was taken away is gone; one that was never there was put into `text`.
        ({"about": {"long": None}, "text": "Old."}, ("about.long",), EncodedText("", copied=True)),
        ({"about": {"short": "x"}, "text": "Old."}, ("about.long",), EncodedText("Old.", copied=False)),
        ({"about": [{"long": "a"}, {"long": "b"}]}, ("about.long",), EncodedText("a\nb", copied=True)),
        ({"year": 1}, ("about.long",), EncodedText("", copied=True)),
        ({"year": 1}, USUAL, EncodedText("", copied=False)),
    ],
)
def test_a_text_is_written_only_where_it_is_a_copy(
    source: dict[str, Any], names: tuple[str, ...], expected: object
) -> None:
    assert encoded_text(source, names) == expected
