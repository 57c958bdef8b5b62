"""Weights in `_source`: how they are asked for, whether they can be there, and what is read."""

import pytest
from csplade.integration.dialect import PLAIN, dialect_for
from csplade.integration.stored_weights import keeps_weights, source_with, weights_of
from csplade.pipelines.sparse import SparseVector


def test_servers_that_hide_weights_are_asked_to_show_them() -> None:
    assert source_with(["w"], PLAIN) == {"includes": ["w"]}
    asked = source_with(["w", "x"], dialect_for("elasticsearch", "9.2.0"))
    assert asked == {"includes": ["w", "x"], "exclude_vectors": False}


@pytest.mark.parametrize(
    ("mapping", "keeps"),
    [
        ({}, True),
        ({"_source": {"enabled": True}}, True),
        ({"_source": {"enabled": False}}, False),
        ({"_source": {"excludes": ["w"]}}, False),
        ({"_source": {"excludes": ["x"]}}, True),
        ({"_source": {"excludes": ["w*"]}}, False),
        ({"_source": {"includes": ["x", "y.*"]}}, False),
        ({"_source": {"includes": ["x", "w"]}}, True),
        ({"_source": {"includes": ["*"], "excludes": ["w"]}}, False),
    ],
)
def test_an_index_may_keep_no_weights(mapping: dict[str, object], keeps: bool) -> None:
    assert keeps_weights(mapping, "w") is keeps


@pytest.mark.parametrize(
    ("source", "keeps"),
    [
        ({"excludes": ["csplade_terms", "csplade_passages.csplade_terms"]}, False),
        ({"excludes": ["csplade_passages"]}, False),
        ({"includes": ["text", "csplade_terms"]}, False),
        ({"includes": ["text", "csplade_passages"]}, True),
    ],
)
def test_weights_of_passages_stand_in_them(source: dict[str, object], keeps: bool) -> None:
    mapping = {"_source": source, "properties": {"csplade_terms": {}, "csplade_passages": {}}}
    assert keeps_weights(mapping, "csplade_terms") is keeps


def test_weights_are_read_heaviest_first_also_inside_objects() -> None:
    assert list(weights_of({"w": {"a": 1, "b": 2.5}}, "w")) == [("b", 2.5), ("a", 1.0)]
    assert list(weights_of({"p": {"w": {"a": 1}}}, "p.w")) == [("a", 1.0)]
    assert list(weights_of({"p.w": {"a": 1}}, "p.w")) == [("a", 1.0)]
    # As an update leaves them behind.
    assert list(weights_of({"w": [{"a": 1, "b": 2.5}]}, "w")) == [("b", 2.5), ("a", 1.0)]
    assert weights_of({"w": []}, "w") == SparseVector()
    assert weights_of({}, "w") == weights_of({"p": 3}, "p.w") == SparseVector()
