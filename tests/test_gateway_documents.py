"""Documents of callers, and the weights that they get or lose, without a cluster."""

import orjson
import pytest
from csplade.integration.documents import Document, bulk_lines, mark_of
from csplade.integration.field_map import Coverage, FieldMap
from csplade.integration.gateway_bulk import read_actions
from csplade.integration.gateway_documents import Aim, read_document
from csplade.integration.gateway_drafts import read_many
from csplade.integration.gateway_json import UnreadJson, read_json
from csplade.integration.short_weights import shortened
from csplade.pipelines.sparse import SparseVector
from csplade.tests.gateway_searches import Json
from csplade.tests.rewrite_index import FIELD_MAP
from csplade.tests.word_encoder import word_vector

TEXT = "fresh bread"
WEIGHTS = word_vector(TEXT).weights
OLD = {"stale": 5.0}
MARKED = Aim(FIELD_MAP, "f")


def given(raw: bytes, aim: Aim) -> Json:
    """Return a document with its weights; a name that stands there twice is an error."""
    document = read_document(raw, aim)
    return dict(read_json(document.weighted([word_vector(text) for text in document.texts])))


@pytest.mark.parametrize(
    "raw", [b"{}", b'{"year": 1}', b'{"text": ""}', b'{"text": null}', b'{"csplade_terms": {"mine": 2.0}}']
)
def test_a_document_that_needs_nothing_is_not_touched(raw: bytes) -> None:
    document = read_document(raw, MARKED)
    assert not document.changes
    assert document.weighted([]) == document.bare() == raw


@pytest.mark.parametrize("carried", [OLD, None, {}, [OLD]])
@pytest.mark.parametrize("fingerprint", ["f", None])
def test_weights_and_marks_that_a_document_brings_along_are_those_of_an_old_text(
    carried: object, fingerprint: str | None
) -> None:
    body = {"csplade_terms": carried, "text": TEXT, "csplade_encoded": "f-of something else", "year": 2001}
    mark = {} if fingerprint is None else {"csplade_encoded": mark_of("f", TEXT)}
    raw, aim = orjson.dumps(body), Aim(FIELD_MAP, fingerprint)
    assert given(raw, aim) == {"text": TEXT, "year": 2001, "csplade_terms": WEIGHTS, **mark}
    assert orjson.loads(read_document(raw, aim).bare()) == {"text": TEXT, "year": 2001}


def test_a_mark_without_weights_does_not_stand_there_twice() -> None:
    body = {"text": TEXT, "csplade_encoded": mark_of("f", TEXT)}
    assert given(orjson.dumps(body), MARKED) == {**body, "csplade_terms": WEIGHTS}


def test_weights_that_are_marked_as_those_of_the_text_stay_and_are_not_made_anew() -> None:
    raw = orjson.dumps({"text": TEXT, "csplade_terms": OLD, "csplade_encoded": mark_of("f", TEXT)})
    document = read_document(raw, MARKED)
    assert not document.changes
    assert document.bare() == raw
    # Of another encoder, or of nobody knows which.
    assert given(raw, Aim(FIELD_MAP, "g"))["csplade_terms"] == WEIGHTS
    assert orjson.loads(read_document(raw, Aim(FIELD_MAP, "")).bare()) == {"text": TEXT}


def test_old_weights_of_nested_objects_and_below_others_are_replaced() -> None:
    raw = orjson.dumps({"passages": [{"text": TEXT, "terms": OLD}, {"text": ".", "terms": OLD}]})
    assert given(raw, MARKED)["passages"] == [{"text": TEXT, "terms": WEIGHTS}, {"text": "."}]
    document = read_document(raw, MARKED)
    assert orjson.loads(document.bare()) == {"passages": [{"text": TEXT}, {"text": "."}]}
    document.weighted([word_vector(TEXT), word_vector(".")])
    assert orjson.loads(document.bare()) == {"passages": [{"text": TEXT}, {"text": "."}]}
    below = Aim(FieldMap((Coverage("of.terms", {"text": 1.0}),)))
    raw = orjson.dumps({"text": TEXT, "of": {"terms": OLD, "year": 1}})
    assert given(raw, below) == {"text": TEXT, "of": {"year": 1}, "of.terms": WEIGHTS}


def test_nested_objects_in_lists_of_others_are_found() -> None:
    deep = Aim(FieldMap((Coverage("a.b.terms", {"a.b.text": 1.0}, nested="a.b"),)))
    raw = orjson.dumps({"a": [{"b": [{"text": TEXT, "terms": OLD}]}, {"c": 1}, {"b": {"text": TEXT}}]})
    one = {"text": TEXT, "terms": WEIGHTS}
    assert given(raw, deep) == {"a": [{"b": [one]}, {"c": 1}, {"b": one}]}


def test_weights_are_as_short_as_those_of_ingest() -> None:
    vector = SparseVector({"fresh": 1.23456789, "bread": 0.1})
    given = read_document(b'{"text": "x"}', Aim(FIELD_MAP)).weighted([vector])
    indexed = bulk_lines(Document("1", "x"), vector).splitlines()[1]
    assert orjson.loads(given)["csplade_terms"] == orjson.loads(indexed)["csplade_terms"] == shortened(vector.weights)


@pytest.mark.parametrize("raw", [b"[]", b'{"text": "a", "text": "b"}', b'{"text": {"is": "an object"}}', b"{"])
def test_what_is_no_document_is_not_read(raw: bytes) -> None:
    with pytest.raises(UnreadJson):
        read_document(raw, Aim(FIELD_MAP))


def test_nothing_is_covered_where_there_are_no_rules() -> None:
    assert not read_document(b'{"text": "x"}', Aim(FieldMap())).changes


def test_a_document_without_text_loses_the_weights_that_it_brings_along() -> None:
    raw = b'{"text": "", "year": 1, "csplade_terms": {"old": 5.0}, "csplade_encoded": "old"}'
    written = read_document(raw, MARKED)
    assert written.changes and not written.texts
    assert orjson.loads(written.weighted([])) == orjson.loads(written.bare()) == {"text": "", "year": 1}
    assert not read_document(b'{"text": "", "year": 1}', MARKED).changes
    # What a pattern covers is not looked for, so there may be text.
    by_pattern = Aim(FieldMap((Coverage("csplade_terms", {"body_*": 1.0}),)))
    assert not read_document(b'{"body_en": "x", "csplade_terms": {"own": 5.0}}', by_pattern).changes


def test_of_a_bulk_request_only_what_goes_to_an_index_with_weights_by_number_is_left() -> None:
    old = {"text": TEXT, "csplade_terms": {"stale": 5.0}, "csplade_seismic": {"7": 5.0}}
    lines: list[Json] = [{"index": {"_id": "1"}}, old, {"index": {"_id": "2"}}, {"text": TEXT}]
    body = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    drafts = read_many(read_actions(body), [Aim(FIELD_MAP, "f", numbered=True), MARKED])
    assert drafts.texts == [TEXT]
    sent = [orjson.loads(line) for line in drafts.weighted({TEXT: word_vector(TEXT)}).splitlines()]
    assert sent[1] == {"text": TEXT}
    assert sent[3]["csplade_terms"] == WEIGHTS
    assert (drafts.verdict().why.value, drafts.verdict().detail) == ("left_for_enrich", "1 of 2")
