"""What keeps a rewriting short: query strings that are not taken apart, and a check before each clause."""

from collections.abc import Callable

import pytest
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import RewriteOptions
from csplade.integration.rewrite_template import rewrite_rendered, rewrite_template, wants_rendering
from csplade.pipelines.sparse import SparseVector
from csplade.tests.rewrite_case import Json, match
from csplade.tests.rewrite_index import FIELD_MAP
from csplade.tests.word_encoder import word_vector

LONGEST = 20
SHORT, LONG = "fresh AND bread", "fresh AND salted bread"
OPTIONS = RewriteOptions(longest_text=LONGEST)
SEARCH: Json = {"query": {"bool": {"must": [match()] * 3, "filter": [{"term": {"lang": "en"}}] * 2}}}
CLAUSES = 1 + 3 + 2


class OutOfTime(Exception):
    """There is no time left."""


def clock(checks: int) -> Callable[[], None]:
    """Return a check that runs out after so many calls."""
    left = iter(range(checks))

    def check() -> None:
        if next(left, None) is None:
            raise OutOfTime

    return check


@pytest.mark.parametrize(
    ("kind", "text", "asked"),
    [
        ("query_string", SHORT, "fresh bread"),
        ("query_string", LONG, LONG),
        ("simple_query_string", "fresh +bread", "fresh bread"),
        ("simple_query_string", "fresh + salted + bread", "fresh + salted + bread"),
    ],
)
def test_a_query_string_that_is_too_long_is_handed_over_as_it_stands(kind: str, text: str, asked: str) -> None:
    encoded: list[str] = []

    def encode(each: str) -> SparseVector:
        encoded.append(each)
        return word_vector(each)

    rewrite({"query": {kind: {"query": text, "fields": ["text"]}}}, FIELD_MAP, encode, OPTIONS)
    assert encoded == [asked]


def test_a_long_query_string_in_fields_without_weights_stops_nothing() -> None:
    uncovered = {"query_string": {"query": LONG * 100, "default_field": "lang"}}
    body = {"query": {"bool": {"must": [uncovered, match()]}}}
    done = rewrite(body, FIELD_MAP, word_vector, OPTIONS)
    assert (len(done.changes), done.passed) == (1, ())


@pytest.mark.parametrize(
    "work",
    [
        lambda check: rewrite(SEARCH, FIELD_MAP, word_vector, OPTIONS, check=check),
        lambda check: rewrite_rendered({"id": "a"}, SEARCH, FIELD_MAP, word_vector, OPTIONS, check),
        lambda check: rewrite_template({"source": SEARCH}, FIELD_MAP, word_vector, OPTIONS, check),
        lambda check: wants_rendering({"source": {**SEARCH, "size": "{{n}}"}}, FIELD_MAP, OPTIONS, check),
    ],
)
def test_each_clause_may_be_the_last(work: Callable[[Callable[[], None]], object]) -> None:
    work(clock(CLAUSES))
    with pytest.raises(OutOfTime):
        work(clock(CLAUSES - 1))
