"""What an index keeps in `_source`, by its mapping."""

import pytest
from csplade.integration.source_filter import keeps, left_out


@pytest.mark.parametrize(
    ("source", "field", "kept"),
    [
        ({}, "a", True),
        ({"enabled": False}, "a", False),
        ({"excludes": ["a"]}, "a.b", False),
        ({"excludes": ["a"]}, "ab", True),
        ({"excludes": ["a.*"]}, "a.b", False),
        ({"excludes": ["*.raw", "x"]}, "a.b.raw", False),
        ({"excludes": ["a.b"]}, "axb", True),
        ({"includes": ["a"]}, "a.b", True),
        ({"includes": ["a"]}, "b", False),
        ({"includes": ["a*"], "excludes": ["ab"]}, "ab", False),
        ({"includes": []}, "b", True),
    ],
)
def test_patterns_are_those_of_the_cluster(source: dict[str, object], field: str, kept: bool) -> None:
    assert keeps({"_source": source}, field) is kept


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({}, ""),
        ({"includes": ["*"]}, ""),
        ({"excludes": ["csplade_terms"]}, ""),
        ({"excludes": ["a", "b.*", "csplade_terms"]}, "'a', 'b.*'"),
        ({"includes": ["a", "c"]}, "what is not 'a', 'c'"),
        ({"includes": ["a*"], "excludes": ["ab"]}, "what is not 'a*' and 'ab'"),
    ],
)
def test_what_is_left_out_is_named(source: dict[str, object], sentence: str) -> None:
    assert left_out({"_source": source}, {"csplade_terms"}) == sentence
