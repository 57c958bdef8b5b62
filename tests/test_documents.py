"""Records, documents, bulk lines: what is kept, what is refused, and in which words."""

import math
from typing import Any

import orjson
import pytest
from csplade.integration.documents import (
    Document,
    RecordError,
    RecordOptions,
    Rejected,
    acceptable_weights,
    bulk_lines,
    dead_letter,
    read_documents,
    to_document,
)
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.jsonl import Record, Unreadable
from csplade.pipelines.sparse import SparseVector
from hypothesis import given
from hypothesis import strategies as st

DEFAULT = RecordOptions()


def test_title_and_text_are_searched_together_and_the_rest_is_kept() -> None:
    record = {"_id": "7", "title": "Bread", "text": "Flour.", "year": 1999, "tags": ["a"], "deep": {"x": None}}
    document = to_document(record, DEFAULT)
    assert (document.id, document.title, document.text) == ("7", "Bread", "Bread\nFlour.")
    assert document.fields == {"year": 1999, "tags": ["a"], "deep": {"x": None}}


def test_chosen_fields_take_the_place_of_text() -> None:
    record = {
        "n": 12,
        "title": "T",
        "body": "B",
        "abstract": "A",
        "csplade_terms": 1,
        "_type": "x",
        "csplade_terms.a": 1,
    }
    document = to_document(record, RecordOptions("n", ("abstract", "body")))
    assert (document.id, document.title, document.text) == ("12", "T", "A\nB")
    assert document.fields == {"n": 12}


@pytest.mark.parametrize("text", ["a summary", 5, ["B"], " "])
def test_a_text_that_would_be_replaced_is_told_where_it_is_indexed(text: object) -> None:
    record = {"_id": "1", "title": "T", "body": "B", "text": text}
    names = ("title", "body")
    with pytest.raises(RecordError) as caught:
        to_document(record, RecordOptions(text_fields=names))
    assert str(caught.value) == (
        "has a field 'text' that would be replaced by the text of title, body: add text to --text-fields, or rename it"
    )
    assert to_document(record, RecordOptions(text_fields=names, indexed=False)).text == "T\nB"


@pytest.mark.parametrize("text", [None, "", "T\nB"])
def test_a_text_of_which_nothing_would_be_lost_is_none(text: object) -> None:
    record = {"_id": "1", "title": "T", "body": "B", "text": text}
    assert to_document(record, RecordOptions(text_fields=("title", "body"))).text == "T\nB"


@pytest.mark.parametrize(
    "record",
    [
        {"_id": "1", "text": "x"},
        {"id": "1", "title": None, "text": "x"},
        {"_id": "1", "id": "2", "title": "", "text": "x"},
    ],
)
def test_a_title_may_be_missing_and_underscore_id_goes_first(record: dict[str, Any]) -> None:
    document = to_document(record, DEFAULT)
    assert (document.id, document.text) == ("1", "x")


@pytest.mark.parametrize(("title", "text"), [(1984, "1984"), (7.5, "7.5"), (True, "true"), (False, "false")])
def test_a_title_that_is_a_number_or_a_truth_is_its_text(title: object, text: str) -> None:
    record = {"_id": "1", "title": title, "body": "y"}
    chosen, beside = (to_document(record, RecordOptions(text_fields=names)) for names in (("title", "body"), ("body",)))
    assert (chosen.title, chosen.text) == (text, f"{text}\ny")
    assert (beside.title, beside.text) == (text, "y")


@pytest.mark.parametrize("title", [["x"], {"de": "x"}])
def test_a_title_of_parts_is_told_even_where_it_is_not_chosen(title: object) -> None:
    with pytest.raises(RecordError, match="in the field 'title' where text belongs"):
        to_document({"_id": "1", "title": title, "body": "x"}, RecordOptions(text_fields=("body",)))


def test_empty_text_is_a_document_and_a_title_alone_only_if_asked_for() -> None:
    assert to_document({"_id": "1", "text": ""}, DEFAULT).text == ""
    assert to_document({"_id": "1", "title": "x"}, RecordOptions(text_fields=("title",))).text == "x"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (
            {"text": "x", "key": 1},
            "has no id in _id or id (its fields: 'text', 'key'): name the id field with --id-field",
        ),
        ({}, "has no text in title or text (its fields: none)"),
        ({"_id": "1", "title": "x"}, "has no text in title or text (its fields: '_id', 'title'): name its text fields"),
        ({"_id": "1", "text": None}, "has no text in title or text"),
        ({"_id": "1", "text": 5}, "has a number in the field 'text' where text belongs"),
        ({"_id": "1", "text": ["x"]}, "has a list in the field 'text' where text belongs"),
        ({"_id": "1", "text": "x", "title": {"de": "x"}}, "has an object in the field 'title' where text belongs"),
        ({"_id": None, "text": "x"}, "has null in the field '_id' where an id belongs"),
        ({"_id": True, "text": "x"}, "has true or false in the field '_id' where an id belongs"),
        ({"_id": 1.5, "text": "x"}, "has a number in the field '_id' where an id belongs"),
        (
            orjson.loads(b'{"_id": 12345678901234567890123, "text": "x"}'),
            "has a number of more than 64 bits in the field",
        ),
        ({"_id": "", "text": "x"}, "has an id of 0 bytes"),
        ({"_id": "é" * 257, "text": "x"}, "has an id of 514 bytes, a cluster takes 1 to 512"),
    ],
)
def test_a_record_that_is_no_document_is_told_why(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        to_document(record, DEFAULT)
    assert str(caught.value).startswith(reason)


def test_documents_and_rejected_records_come_in_order() -> None:
    records: list[Record | Unreadable] = [
        Record(1, {"_id": "1", "text": "x"}),
        Unreadable(2, "is not JSON", "{"),
        Record(3, {"_id": "3"}),
    ]
    first, second, third = read_documents(records, DEFAULT)
    assert isinstance(first, Document)
    assert second == Rejected(2, "is not JSON", raw="{")
    assert isinstance(third, Rejected)
    assert third.record == {"_id": "3"}


def test_bulk_lines_hold_the_id_the_fields_and_the_weights() -> None:
    document = Document("é 1", "text", "title", {"year": 1})
    action, source = bulk_lines(document, SparseVector({"bread": 1.5})).splitlines()
    assert orjson.loads(action) == {"index": {"_id": "é 1"}}
    assert orjson.loads(source) == {"year": 1, "title": "title", "text": "text", "csplade_terms": {"bread": 1.5}}


def test_without_weights_there_is_no_weights_field_and_without_title_no_title() -> None:
    _, source = bulk_lines(Document("1", ""), SparseVector()).splitlines()
    assert orjson.loads(source) == {"text": ""}


def test_fields_that_json_cannot_express_are_refused() -> None:
    with pytest.raises(RecordError, match="cannot be written as JSON"):
        bulk_lines(Document("1", "half a pair: \ud800"), SparseVector())


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats()))
def test_only_what_a_cluster_stores_is_sent(weights: dict[str, float]) -> None:
    sent = acceptable_weights(SparseVector(weights))
    for term, weight in weights.items():
        storable = math.isfinite(weight) and 2.0**-126 <= weight <= (2 - 2.0**-23) * 2.0**127
        assert (term in sent) == storable
        assert sent.get(term, weight) == weight or math.isnan(weight)


def test_a_term_that_no_query_would_find_is_refused() -> None:
    with pytest.raises(EncoderError, match=r"'a\.b' has a dot"):
        acceptable_weights(SparseVector({"a.b": 1.0}))


def test_a_dead_letter_mended_is_a_record_again() -> None:
    options = RecordOptions("n", ("body",))
    record = {"n": 1, "body": "x", "year": "soon"}
    letter = orjson.loads(dead_letter(to_document(record, options), "the year is no number"))
    assert letter["csplade_error"] == "the year is no number"
    mended = to_document({**letter, "year": 2000}, options)
    assert mended.fields == {"n": 1, "year": 2000}
    assert (mended.id, mended.text) == ("1", "x")


def test_a_dead_letter_of_what_is_no_record_keeps_the_line() -> None:
    assert orjson.loads(dead_letter(Rejected(3, "is not JSON", raw="{broken"), "is not JSON")) == {
        "csplade_raw": "{broken",
        "csplade_error": "is not JSON",
    }


def test_a_dead_letter_of_a_document_without_record_can_be_fed_again() -> None:
    letter = orjson.loads(dead_letter(Document("1", "text", None, {"year": 1}), "reason"))
    again = to_document(letter, DEFAULT)
    assert (again.id, again.text, again.fields) == ("1", "text", {"year": 1})


def test_a_dead_letter_of_what_json_cannot_express_shows_it() -> None:
    letter = orjson.loads(dead_letter(Document("1", "half \ud800"), "reason"))
    assert "half \\ud800" in letter["csplade_raw"]


def test_a_dead_letter_of_no_record_tells_how_to_mend_it() -> None:
    letter = orjson.loads(dead_letter(Rejected(3, "is not JSON", raw="{broken"), "is not JSON"))
    with pytest.raises(RecordError, match="mend what stands in 'csplade_raw', and write it in the place of the whole"):
        to_document(letter, DEFAULT)
