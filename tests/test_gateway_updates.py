"""Updates of parts of documents, without a cluster: which weights they have or lose."""

import orjson
import pytest
from csplade.integration.documents import mark_of
from csplade.integration.field_map import Coverage, FieldMap
from csplade.integration.gateway_documents import Aim
from csplade.integration.gateway_json import UnreadJson
from csplade.integration.gateway_updates import Update, read_update
from csplade.tests.gateway_searches import Json
from csplade.tests.rewrite_index import FIELD_MAP
from csplade.tests.word_encoder import word_vector

MARKED, UNMARKED = Aim(FIELD_MAP, "f"), Aim(FIELD_MAP)
BOTH = {"title": "Rye", "text": "fresh bread"}
WEIGHTS = word_vector("Rye fresh bread").weights
MARK = mark_of("f", "Rye\nfresh bread")
OLD: Json = {"csplade_terms": {"stale": 5.0}, "csplade_encoded": "f-of another"}
NONE: Json = {"csplade_terms": [], "csplade_encoded": None}


def read(body: Json, aim: Aim = MARKED) -> Update:
    return read_update(orjson.dumps(body), aim)


def given(body: Json, aim: Aim = MARKED) -> Json:
    """Return an update with its weights."""
    update = read(body, aim)
    return dict(orjson.loads(update.weighted([word_vector(text) for text in update.texts])))


def bare(body: Json, aim: Aim = MARKED) -> Json:
    return dict(orjson.loads(read(body, aim).bare()))


@pytest.mark.parametrize("carried", [{}, OLD])
def test_a_part_with_all_of_the_text_gets_weights_in_the_place_of_all_old_ones(carried: Json) -> None:
    body = {"doc": {**BOTH, "year": 1, **carried}, "detect_noop": False, "_source": ["year"]}
    with_all = {**BOTH, "year": 1, "csplade_terms": [WEIGHTS], "csplade_encoded": MARK}
    assert given(body) == {**body, "doc": with_all}
    assert bare(body) == {**body, "doc": {**BOTH, "year": 1, **NONE}}
    assert not read(body).left


@pytest.mark.parametrize("carried", [{}, OLD])
@pytest.mark.parametrize("part", [{"text": "fresh"}, {"title": None}])
def test_a_part_with_some_of_the_text_takes_the_weights_out(part: Json, carried: Json) -> None:
    update = read({"doc": {**part, **carried}})
    assert update.left and not update.texts
    assert given({"doc": {**part, **carried}}) == bare({"doc": {**part, **carried}}) == {"doc": {**part, **NONE}}


def test_an_index_without_a_place_for_marks_gets_none() -> None:
    assert given({"doc": {**BOTH, **OLD}}, UNMARKED) == {"doc": {**BOTH, "csplade_terms": [WEIGHTS]}}
    assert given({"doc": {"text": "x"}}, UNMARKED) == {"doc": {"text": "x", "csplade_terms": []}}


def test_a_text_that_is_taken_away_or_has_no_word_has_no_weights() -> None:
    parts: tuple[Json, ...] = ({"title": "", "text": None}, {"title": [], "text": []})
    for part in parts:
        assert given({"doc": part}) == bare({"doc": part}) == {"doc": {**part, **NONE}}
        assert not read({"doc": part}).left
    mark = mark_of("f", "?\n!")
    assert given({"doc": {"title": "?", "text": "!"}})["doc"]["csplade_terms"] == []
    assert given({"doc": {"title": "?", "text": "!"}})["doc"]["csplade_encoded"] == mark


@pytest.mark.parametrize(
    "body",
    [
        {"doc": {"year": 1}},
        {"doc": {"year": 1}, "doc_as_upsert": True},
        # Weights of one's own.
        {"doc": {"csplade_terms": {"mine": 1.0}}},
        {"doc": {"passages": []}},
        {"doc": {"passages": [{"page": 2}]}},
        {"doc": {}},
        {"upsert": {"year": 1}},
        {},
    ],
)
def test_what_touches_no_text_passes(body: Json) -> None:
    update = read(body)
    assert not update.changes and not update.left
    assert update.bare() == update.raw


def test_each_coverage_is_looked_at_alone() -> None:
    found = given({"doc": {"summary": "fresh", "title": "Rye"}})["doc"]
    assert found == {"summary": "fresh", "title": "Rye", "summary_terms": [{"fresh": 5.0}], **NONE}


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ({"doc": BOTH, "doc_as_upsert": True}, BOTH),
        ({"doc": BOTH, "doc_as_upsert": "true", "upsert": {"text": "not this"}}, BOTH),
        ({"doc": {"title": "x", "text": "y"}, "upsert": {**BOTH, **OLD}}, BOTH),
        ({"script": {"source": "x"}, "upsert": BOTH}, BOTH),
    ],
)
def test_the_document_that_an_update_makes_is_a_whole_one(body: Json, made: Json) -> None:
    found = given(body)
    assert "doc_as_upsert" not in found
    assert found["upsert"] == {**made, "csplade_terms": WEIGHTS, "csplade_encoded": MARK}
    assert bare(body)["upsert"] == made
    assert found.keys() == ({*body} | {"upsert"}) - {"doc_as_upsert"}


def test_a_part_that_makes_a_document_is_all_of_its_text() -> None:
    found = given({"doc": {"text": "fresh"}, "doc_as_upsert": True})
    assert found["doc"] == {"text": "fresh", **NONE}
    assert found["upsert"]["csplade_terms"] == {"fresh": 5.0}


@pytest.mark.parametrize(
    "body",
    [
        {"script": {"source": "ctx._source.text = 'x'"}},
        {"script": {"source": "x"}, "scripted_upsert": True, "upsert": BOTH},
    ],
)
def test_scripts_pass_for_who_knows_what_they_do(body: Json) -> None:
    update = read(body)
    assert update.left and not update.changes
    assert update.bare() == update.raw


def test_nested_objects_in_lists_are_whole_and_one_alone_is_merged() -> None:
    old = {"terms": {"stale": 5.0}}
    found = given({"doc": {"passages": [{"text": "fresh bread", **old}, {"text": "", **old}, {"page": 2}]}})
    assert found["doc"]["passages"] == [
        {"text": "fresh bread", "terms": word_vector("fresh bread").weights},
        {"text": ""},
        {"page": 2},
    ]
    found = given({"doc": {"passages": {"text": "fresh", **old}}})
    assert found["doc"] == {"passages": {"text": "fresh", "terms": [{"fresh": 5.0}]}}
    assert bare({"doc": {"passages": {"text": "fresh"}}})["doc"] == {"passages": {"text": "fresh", "terms": []}}
    assert not read({"doc": {"passages": {"page": 2}}}).changes


ODD = FieldMap((Coverage("weights", {"a.b": 1.0, "c_*": 1.0}),))


@pytest.mark.parametrize(
    ("part", "weights"),
    [
        ({"a": {"b": "x"}}, [{"x": 1.0}]),
        ({"a.b": "x"}, [{"x": 1.0}]),
        ({"a": [{"b": "x"}, {"b": "y"}]}, [{"x": 1.0, "y": 1.0}]),
        ({"a": {"b": None}}, []),
        ({"a": None}, []),
        ({"a": []}, []),
        ({"a": "scalar"}, []),
        # Text that a pattern covers is not in the weights that are made here.
        ({"c_en": "x"}, []),
        ({"a": {"b": "x"}, "c_en": "x"}, []),
    ],
)
def test_an_update_touches_a_text_however_it_is_written(part: Json, weights: object) -> None:
    assert given({"doc": part}, Aim(ODD))["doc"] == {**part, "weights": weights}


@pytest.mark.parametrize("part", [{"a": {"other": "x"}}, {"a": {}}, {"d": None}, {"d_c_en": "x"}])
def test_an_update_beside_a_text_does_not_touch_it(part: Json) -> None:
    assert not read({"doc": part}, Aim(ODD)).changes


@pytest.mark.parametrize(
    "raw",
    [
        *(
            b"[]",
            b'{"doc": {"summary": {"is": "an object"}}}',
            b'{"doc": 1, "doc": 2}',
            b'{"doc": null}',
            b'{"doc": []}',
        ),
        # What clusters refuse must not be mended.
        *(b'{"doc": {}, "doc_as_upsert": []}', b'{"upsert": {}, "scripted_upsert": 1}', b'{"doc": {}, "upsert": "x"}'),
    ],
)
def test_what_is_no_update_is_not_read(raw: bytes) -> None:
    with pytest.raises(UnreadJson):
        read_update(raw, MARKED)
