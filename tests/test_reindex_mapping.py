"""What is taken over from the mapping of another index, and which of its fields are encoded."""

import pytest
from csplade.integration.errors import IndexConflictError
from csplade.integration.passages import Long
from csplade.integration.reindex_mapping import chosen_fields, missing_fields, taken_over
from csplade.integration.templates import IndexOptions, index_body
from csplade.pipelines.errors import UsageError
from csplade.tests.word_encoder import word_contract

SHOP = {
    "dynamic": "strict",
    "_routing": {"required": True},
    "_meta": {"team": "shop"},
    "properties": {
        "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "about": {"properties": {"long": {"type": "text", "analyzer": "folded"}, "code": {"type": "keyword"}}},
        "price": {"type": "double"},
    },
}


def test_the_usual_fields_are_those_that_are_there() -> None:
    assert chosen_fields(SHOP, "shop", []) == ("title",)
    ours = index_body(word_contract(), IndexOptions())["mappings"]
    assert chosen_fields(ours, "ours", []) == ("title", "text")
    ours["_meta"]["csplade"]["text_fields"] = ["title", "body"]
    # What ingest has put into the text stands in no mapping.
    assert chosen_fields(ours, "ours", []) == ("title", "body")
    assert chosen_fields({"properties": ours["properties"]}, "plain", []) == ("title", "text")


def test_named_fields_may_be_of_any_type_and_inside_objects() -> None:
    assert chosen_fields(SHOP, "shop", ["title", "about.long", "about.code"]) == ("title", "about.long", "about.code")


@pytest.mark.parametrize("asked", [["body"], ["about"]])
def test_a_field_that_is_not_there_is_told_with_those_that_are(asked: list[str]) -> None:
    with pytest.raises(UsageError, match=rf"has no field '{asked[0]}' \(its text fields: title, about.long\)"):
        chosen_fields(SHOP, "shop", asked)


def test_an_index_without_usual_fields_needs_names() -> None:
    with pytest.raises(UsageError, match=r"no field 'text' \(its text fields: none\)"):
        chosen_fields({"properties": {"a": {"type": "keyword"}}}, "shop", [])


def test_a_text_that_would_be_lost_is_told() -> None:
    mapping = {"properties": {"text": {"type": "keyword"}, "body": {"type": "text"}}}
    with pytest.raises(UsageError, match="add text to --text-fields"):
        chosen_fields(mapping, "shop", ["body"])


def test_an_index_without_source_is_refused() -> None:
    with pytest.raises(IndexConflictError, match="keeps no `_source`"):
        chosen_fields({"_source": {"enabled": False}, "properties": {}}, "shop", [])


def test_a_new_index_has_the_fields_of_both_and_what_they_need() -> None:
    body = index_body(word_contract(), IndexOptions(shards=2))
    settings = {"analysis": {"analyzer": {"folded": {}}}, "number_of_shards": "9", "uuid": "u"}
    found = taken_over(body, SHOP, settings)
    assert found["settings"]["index"] == {"analysis": settings["analysis"], **body["settings"]["index"]}
    mappings = found["mappings"]
    assert mappings["_meta"] == body["mappings"]["_meta"]
    assert (mappings["dynamic"], mappings["_routing"]) == ("strict", {"required": True})
    properties = mappings["properties"]
    assert properties.keys() == {*body["mappings"]["properties"], "about", "price"}
    assert properties["title"] == {
        "type": "text",
        "analyzer": "english",
        "fields": {"raw": {"type": "keyword"}},
    }
    assert properties["csplade_terms"] == {"type": "rank_features"}


def test_settings_of_content_are_taken_and_those_of_placement_are_not() -> None:
    content = {
        "max_ngram_diff": "8",
        "knn": "true",
        # So clusters spell what stands below a setting that has a value of its own.
        "knn.algo_param": {"ef_search": "50"},
        "query": {"default_field": ["title"]},
        "sort": {"field": "price", "order": "asc"},
    }
    placement = {"number_of_replicas": "3", "routing": {}, "codec": "x", "default_pipeline": "p", "blocks": {}}
    body = index_body(word_contract(), IndexOptions())
    found = taken_over(body, SHOP, {**content, **placement})["settings"]["index"]
    assert found == {**content, **body["settings"]["index"]}


@pytest.mark.parametrize(
    ("long", "field"), [(Long.PASSAGES, "price"), (Long.CUT, "title"), (Long.CUT, ["price", "title.raw"])]
)
def test_an_order_is_left_out_where_its_fields_are_ours_or_documents_have_passages(long: Long, field: object) -> None:
    body = index_body(word_contract(), IndexOptions(long=long))
    assert "sort" not in taken_over(body, SHOP, {"sort": {"field": field}})["settings"]["index"]


def test_an_index_that_is_there_gets_the_fields_that_it_lacks_and_none_of_ours() -> None:
    old = {"properties": {"a": {"type": "date"}, "b": {"type": "long"}, "csplade_terms": {}, "text": {}}}
    assert missing_fields(old, {"properties": {"b": {"type": "keyword"}}}) == {"a": {"type": "date"}}
