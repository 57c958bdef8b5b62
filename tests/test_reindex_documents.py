"""What a document of any index becomes: everything kept, its chosen texts joined."""

import orjson
import pytest
from csplade.integration.documents import Document, Rejected, dead_letter
from csplade.integration.encoded_text import joined
from csplade.integration.reindex_documents import copied

HIT = {
    "_id": "7",
    "_routing": "eu",
    "_source": {
        "title": ["Rye", "Bread"],
        "body": {"html": "<p>", "plain": "keeps"},
        "notes": [{"by": "a", "say": "dark"}, {"say": "sour"}],
        "year": 1999,
        "text": "old",
        "csplade_terms": {"old": 1.0},
        "csplade_terms.x": 2.0,
        "csplade_encoded": "other",
    },
}


def test_all_fields_stay_and_the_texts_are_joined() -> None:
    document = copied(HIT, ["title", "body.plain", "notes.say", "year", "text"])
    assert isinstance(document, Document)
    assert (document.id, document.routing, document.title) == ("7", "eu", "Rye\nBread")
    assert document.text == "Rye\nBread\nkeeps\ndark\nsour\n1999\nold"
    assert document.fields == {key: HIT["_source"][key] for key in ("body", "notes", "year")}  # type: ignore[index]


def test_a_document_without_text_is_one_with_an_empty_text() -> None:
    assert copied({"_id": "1", "_source": {"body": None}}, ["body"]) == Document(
        "1", "", None, {"body": None}, {"_id": "1", "body": None}
    )
    assert copied({"_id": "1"}, ["body"]) == Document("1", "", None, {}, {"_id": "1"})


def test_an_object_where_text_belongs_is_told_by_the_id() -> None:
    rejected = copied(HIT, ["body"])
    assert isinstance(rejected, Rejected)
    assert rejected.sentence.startswith("the document '7' has an object in the field 'body'")


@pytest.mark.parametrize("fields", [["title", "text"], ["body"]])
def test_a_dead_letter_holds_the_document_with_id_and_routing(fields: list[str]) -> None:
    source: dict[str, object] = HIT["_source"]  # type: ignore[assignment]
    whole = {"_id": "7", "_routing": "eu", **source, "csplade_error": "refused"}
    assert orjson.loads(dead_letter(copied(HIT, fields), "refused")) == whole
    unrouted = {"_id": "7", "_source": source}
    assert "_routing" not in orjson.loads(dead_letter(copied(unrouted, fields), "refused"))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"a.b": "dotted"}, "dotted"),
        ({"a": {"b": "nested"}}, "nested"),
        ({"a": [{"b": "x"}, {"b": ["y", "z"]}, {}]}, "x\ny\nz"),
        ({"a": {"b": True}}, "true"),
        ({"a": {"c": "other"}}, ""),
        ({"a": "a text"}, ""),
    ],
)
def test_dots_lead_into_objects(source: dict[str, object], text: str) -> None:
    assert joined(source, ["a.b"]) == text
