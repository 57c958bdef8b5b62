"""Which text fields are covered by which weights."""

import math

import pytest
from csplade.integration.field_map import OWN_INDEX, Coverage, Covered, FieldMap, matches
from csplade.pipelines.errors import UsageError

MAP = FieldMap(
    (
        Coverage("first", {"title": 2.0, "text.*": 1.0}),
        Coverage("second", {"text.english": 3.0, "*_name": 1.0}),
        Coverage("third", {"full.keyword": 1.0}),
        Coverage("passages.terms", {"passages.text": 1.0}, nested="passages"),
    )
)


@pytest.mark.parametrize(
    ("field", "covered"),
    [
        ("title", Covered("first", 2.0)),
        ("text.plain", Covered("first", 1.0)),
        ("text.english", Covered("first", 1.0)),
        ("last_name", Covered("second", 1.0)),
        ("text", None),
        ("titles", None),
        ("texts.plain", None),
        ("passages.text", None),
        # Exact text is covered where it is named in full.
        *((f"text.{name}", None) for name in ("keyword", "raw", "exact", "sort", "Keyword", "english.keyword")),
        ("text.title_raw", None),
        ("text.keywords", Covered("first", 1.0)),
        ("full.keyword", Covered("third", 1.0)),
    ],
)
def test_the_first_coverage_that_names_a_field_counts(field: str, covered: Covered | None) -> None:
    assert MAP.covering(field, None) == covered


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "text.*",
            "text.*plain",
            "text.e*_plain",
            "text.pl*n",
            "text.*im",
            "text.k*",
            "text.*word",
            "text.*.keywords",
        ),
        *("t*n", "*", "titl*", "*_name", "*"),
    ],
)
def test_a_pattern_of_the_query_is_covered_by_nothing(pattern: str) -> None:
    assert MAP.covering(pattern, None) is None
    assert MAP.covering(f"passages.{pattern}", "passages") is None


@pytest.mark.parametrize(
    ("field", "touched"),
    [
        *(("title", True), ("text.plain", True), ("text.keyword", True), ("text", True), ("first.bread", True)),
        *(("passages", True), ("passages.text", True), ("passages.terms.bread", True)),
        *(("titles", False), ("year", False), ("passages_text", False)),
    ],
)
def test_a_field_that_a_search_defines_may_touch_what_is_covered(field: str, touched: bool) -> None:
    assert MAP.touched_by(field) == touched


def test_nested_objects_have_weights_of_their_own() -> None:
    assert MAP.covering("passages.text", "passages") == Covered("passages.terms", 1.0)
    assert MAP.covering("passages.text", "others") is None
    assert MAP.covering("title", "passages") is None


def test_an_index_of_ours_covers_title_and_text() -> None:
    for field in ("title", "text"):
        assert OWN_INDEX.covering(field, None) == Covered("csplade_terms", 1.0)
    assert OWN_INDEX.covering("author", None) is None


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [("a.c", "abc", False), ("a*", "a\nb", True), ("*", "", True), ("a*b*c", "abc", True), ("[a]", "a", False)],
)
def test_only_a_star_is_special(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) == fits


@pytest.mark.parametrize(
    ("weights", "texts", "nested", "said"),
    [
        ("", {"text": 1.0}, None, "name the weights field"),
        ("terms", {}, None, "name the weights field"),
        ("terms", {"": 1.0}, None, "name the weights field"),
        ("terms", {"text": 0.0}, None, "'text' has the boost 0.0"),
        ("terms", {"text": math.inf}, None, "'text' has the boost inf"),
        ("terms", {"p.text": 1.0}, "p", "'terms' is not inside 'p': write it as p.NAME"),
        ("p.terms", {"text": 1.0}, "p", "'text' is not inside 'p'"),
    ],
)
def test_what_cannot_be_is_refused(weights: str, texts: dict[str, float], nested: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", "\\(")):
        Coverage(weights, texts, nested)
