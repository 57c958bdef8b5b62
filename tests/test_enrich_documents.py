"""Which documents are stale, and that what is sent for them assigns weights as a whole, under a condition."""

import orjson
import pytest
from csplade.integration.documents import RecordError, mark_of
from csplade.integration.enrich_documents import Stale, Version, Write, enriched, stale, update_lines, wanted_source
from csplade.integration.slices import Found
from csplade.integration.text_copy import Part
from csplade.pipelines.sparse import SparseVector

FIELDS = ("name", "about")
SOURCE = {"name": "rye", "about": "dark", "year": 1999, "csplade_terms": {"old": 1.0}}


PARTS = (Part("name", "rye", kept=True), Part("about", "dark", kept=True))


def read(**changed: object) -> Found:
    hit = {"_id": "1", "_seq_no": 7, "_primary_term": 2, "_source": {**SOURCE, **changed}}
    return Found(3, -1, hit)


def document(**changed: object) -> Stale:
    found = stale(read(**changed), FIELDS, "f")
    assert found is not None
    return found


@pytest.mark.parametrize("mark", [None, mark_of("f", "rye\nold"), mark_of("older", "rye\ndark"), "f"])
def test_a_mark_of_another_text_or_encoder_is_stale(mark: str | None) -> None:
    whole = {**SOURCE, "csplade_encoded": mark}
    assert document(csplade_encoded=mark) == Stale("1", None, Version(3, 7, 2), "rye\ndark", whole, PARTS)
    assert stale(read(csplade_encoded=mark_of("f", "rye\ndark")), FIELDS, "f") is None


def test_a_document_without_text_becomes_current_too() -> None:
    empty = {"_id": "1", "_seq_no": 0, "_primary_term": 1, "_source": {"csplade_encoded": mark_of("f", "")}}
    assert stale(Found(0, -1, empty), FIELDS, "f") is None


def test_an_object_where_text_belongs_is_told() -> None:
    with pytest.raises(RecordError, match="an object in the field 'about'"):
        document(about={"a": 1})


def test_a_script_assigns_the_whole_vector_under_a_condition() -> None:
    fields = enriched(SparseVector({"rye": 3.0}), document(), "f")
    action, body = map(orjson.loads, update_lines(document(), fields, Write.SCRIPT).splitlines())
    assert action == {"update": {"_id": "1", "if_seq_no": 7, "if_primary_term": 2}}
    mark = mark_of("f", "rye\ndark") + ":name=3,about=4"
    assert body["script"]["params"] == {
        "none": ["csplade_passages", "csplade_seismic"],
        "values": {"csplade_terms": {"rye": 3.0}, "csplade_encoded": mark, "text": "rye\ndark"},
    }
    # One text for all documents, or the cluster would compile it anew for each.
    assert "rye" not in body["script"]["source"]


def test_where_no_term_is_left_the_old_weights_go() -> None:
    found = document(name="", about=None)
    fields = enriched(SparseVector(), found, "f")
    _, body = map(orjson.loads, update_lines(found, fields, Write.SCRIPT).splitlines())
    assert body["script"]["params"]["none"] == ["csplade_passages", "csplade_seismic", "csplade_terms"]
    _, source = map(orjson.loads, update_lines(found, fields, Write.WHOLE).splitlines())
    assert source == {
        "name": "",
        "about": None,
        "year": 1999,
        "text": "",
        "csplade_encoded": f"{mark_of('f', '')}:name=0,about=0",
    }


def test_a_whole_document_goes_back_as_it_was_with_its_routing() -> None:
    found = stale(Found(3, -1, {**read(text="dark").hit, "_routing": "eu"}), ("text",), "f")
    assert found is not None
    fields = enriched(SparseVector({"dark": 4.0, "light": 0.1}), found, "f", least=1.0)
    action, source = map(orjson.loads, update_lines(found, fields, Write.WHOLE).splitlines())
    assert action == {"index": {"_id": "1", "if_seq_no": 7, "if_primary_term": 2, "routing": "eu"}}
    assert source == {**SOURCE, "text": "dark", "csplade_terms": {"dark": 4.0}, "csplade_encoded": mark_of("f", "dark")}


def test_a_script_needs_only_the_texts() -> None:
    assert wanted_source(FIELDS, Write.SCRIPT, True) == ["name", "about", "text", "csplade_encoded"]
    assert wanted_source(FIELDS, Write.WHOLE, True) == {"exclude_vectors": False}
    assert wanted_source(FIELDS, Write.WHOLE, False) is True
