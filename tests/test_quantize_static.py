"""Ranges that are seen, and layers that are left out as the ranking needs it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from csplade.pipelines.contract import read_contract
from csplade.pipelines.development import Development
from csplade.pipelines.evaluate import Collection
from csplade.pipelines.folder import MODEL_FILE, TOKENIZER_FILE, read_tables
from csplade.pipelines.graph import Role
from csplade.pipelines.quantize_static import calibration_texts, chosen_layers, layers_of, seen_ranges
from csplade.tests.tiny_encoder import TEXTS, write_tiny_encoder


def test_products_belong_to_the_layer_in_their_name() -> None:
    names = ["/backbone/layers.0/q/MatMul", "/backbone/layers.0/k/MatMul", "/backbone/layers.11/q/MatMul", "/MatMul"]
    assert layers_of(names) == {
        "layer 0": frozenset(names[:2]),
        "layer 11": frozenset(names[2:3]),
        "/MatMul": frozenset(names[3:]),
    }


def _score(gains: Mapping[str, float], calls: list[frozenset[str]], kept: frozenset[str]) -> float:
    calls.append(kept)
    return 0.5 + sum(gains[layer] for layer in kept)


@pytest.mark.parametrize(
    ("enough", "expected"),
    [(0.5, set()), (0.6, {"b"}), (0.75, {"b", "c"}), (0.9, {"b", "c"})],
    ids=["nothing is lost", "the best alone", "the two best", "never enough: what was best"],
)
def test_layers_are_left_out_until_the_ranking_is_good_enough(enough: float, expected: set[str]) -> None:
    gains = {"a": -0.1, "b": 0.2, "c": 0.1}
    calls: list[frozenset[str]] = []
    assert chosen_layers(gains, lambda kept: _score(gains, calls, kept), enough) == expected
    assert len(calls) == len(set(calls)), "no choice is measured twice"


def test_ranges_are_taken_on_nothing_that_is_judged_or_asked() -> None:
    collection = Collection({"q": "what was asked"}, {"q": {"d1": 1, "d2": 0}}, 0)
    documents = {"d1": "judged", "d2": "judged too", "d3": "a b c d e f g h i j", "d4": "short", "d5": "too many"}
    assert calibration_texts(Development(collection, documents, 0), 2) == {
        Role.DOCUMENT: ["a b c d e f g h i j", "short"],
        Role.QUERY: ["a b c d e f g h", "short"],
    }
    few = Development(collection, {"d1": "judged", "d3": "no"}, 0)
    assert calibration_texts(few, 64)[Role.DOCUMENT] == ["no", "judged"]


@pytest.mark.model
def test_ranges_hold_every_value_that_was_seen(tmp_path: Path) -> None:
    write_tiny_encoder(tmp_path)
    contract, tables = read_contract(tmp_path), read_tables(tmp_path)
    tokenizer = (tmp_path / TOKENIZER_FILE).read_text()

    def ranges(texts: list[str]) -> dict[str, tuple[float, float]]:
        given = {Role.DOCUMENT: texts, Role.QUERY: texts}
        return seen_ranges(tmp_path / MODEL_FILE, contract, tokenizer, tables, given)

    few, more = ranges(TEXTS[:1]), ranges(TEXTS)
    assert few.keys() == more.keys() and len(few) > 6
    assert all(more[name][0] <= low < high <= more[name][1] for name, (low, high) in few.items())
    assert few != more
