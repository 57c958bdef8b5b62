"""Templates: every blank is filled, with the right type, and the shipped index body says what csplade relies on."""

import pytest
from csplade.integration.dialect import PLAIN, dialect_for
from csplade.integration.templates import IndexOptions, index_body, load_template
from csplade.tests.word_encoder import word_contract

VALUES = {
    "analyzer": "german",
    "auto_expand_replicas": "false",
    "encoder": "e",
    "fingerprint": "f",
    "refresh_interval": "1s",
    "replicas": 1,
    "shards": 3,
}


def test_the_body_of_an_index_names_its_encoder_and_fields() -> None:
    contract = word_contract()
    body = index_body(contract, IndexOptions(analyzer="german", shards=3, replicas=1))
    assert body["settings"]["index"] == {
        "number_of_shards": 3,
        "number_of_replicas": 1,
        "auto_expand_replicas": "false",
        "refresh_interval": "5s",
    }
    assert body["mappings"]["_meta"]["csplade"] == {
        "fingerprint": contract.fingerprint,
        "encoder": "words",
        "field": "csplade_terms",
        "format": 1,
    }
    assert body["mappings"]["properties"] == {
        "title": {"type": "text", "analyzer": "german"},
        "text": {"type": "text", "analyzer": "german"},
        "csplade_terms": {"type": "rank_features"},
        "csplade_encoded": {"type": "keyword"},
    }


@pytest.mark.parametrize(
    ("version", "field"),
    [
        ("7.17.0", {"type": "rank_features"}),
        ("9.0.0", {"type": "sparse_vector"}),
        ("9.2.0", {"type": "sparse_vector", "index_options": {"prune": False}}),
    ],
)
def test_the_weights_field_is_that_of_the_cluster_and_the_rest_the_same(version: str, field: object) -> None:
    options = IndexOptions(analyzer="standard")
    body = index_body(word_contract(), options, dialect_for("elasticsearch", version))
    usual = index_body(word_contract(), options, PLAIN)
    assert body["mappings"]["properties"].pop("csplade_terms") == field
    del usual["mappings"]["properties"]["csplade_terms"]
    assert body == usual


@pytest.mark.parametrize(("asked", "number", "expand"), [(None, 0, "0-1"), (0, 0, "false"), (2, 2, "false")])
def test_replicas_follow_the_nodes_unless_a_number_is_asked_for(asked: int | None, number: int, expand: str) -> None:
    settings = index_body(word_contract(), IndexOptions(replicas=asked))["settings"]["index"]
    assert (settings["number_of_replicas"], settings["auto_expand_replicas"]) == (number, expand)


def test_a_blank_without_value_and_a_value_without_blank_are_refused() -> None:
    assert load_template("rank_features.json", VALUES)["settings"]["index"]["number_of_shards"] == 3
    with pytest.raises(ValueError, match="has the blanks"):
        load_template("rank_features.json", VALUES | {"colour": "red"})
    with pytest.raises(ValueError, match="has the blanks"):
        load_template("rank_features.json", {name: value for name, value in VALUES.items() if name != "shards"})
