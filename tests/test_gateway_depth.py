"""Nesting found without parsing, compared with that of the values themselves, in pieces of any size."""

from itertools import pairwise

import orjson
import pytest
from csplade.integration.gateway_depth import Depth, openings
from hypothesis import given
from hypothesis import strategies as st

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]

# Texts with much that could be taken for something else.
texts = st.text(st.sampled_from('[]{}"\\\n\t/*é焦 a'), max_size=12)
values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(texts, below, max_size=4),
    max_leaves=20,
)


def true_depth(value: Json) -> int:
    if isinstance(value, dict):
        return 1 + max(map(true_depth, value.values()), default=0)
    return 1 + max(map(true_depth, value), default=0) if isinstance(value, list) else 0


def found(body: bytes, cuts: list[int]) -> int:
    depth = Depth()
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    return max((depth.feed(body[a:b]) for a, b in pairwise(places)), default=0)


@given(values, st.lists(st.integers(0, 1000), max_size=6), st.booleans())
def test_it_is_the_depth_of_the_value_however_it_is_cut(value: Json, cuts: list[int], pretty: bool) -> None:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 if pretty else None)
    assert found(body, cuts) == true_depth(value)
    assert openings(body) >= true_depth(value)


@given(st.lists(values, max_size=5), st.lists(st.integers(0, 1000), max_size=6))
def test_of_several_lines_the_deepest_counts(lines: list[Json], cuts: list[int]) -> None:
    body = b"".join(orjson.dumps(value) + b"\n" for value in lines)
    assert found(body, cuts) == max(map(true_depth, lines), default=0)


@pytest.mark.parametrize("before", [b'{"a": "', b'"\n', b"]]]]\n", b"}" * 90, b'\\"\n', b'{"a\\\n'])
@given(cuts=st.lists(st.integers(0, 200), max_size=4))
def test_a_broken_line_hides_nothing_of_the_next(before: bytes, cuts: list[int]) -> None:
    assert found(before + b"\n" + b"[" * 60, cuts) >= 60


@pytest.mark.parametrize("comment", [b'/* " */', b'// "\n', b"/* \n ] */", b'/* \\" */'])
@given(cuts=st.lists(st.integers(0, 200), max_size=4))
def test_a_comment_hides_nothing_behind_it(comment: bytes, cuts: list[int]) -> None:
    assert found(b'{"a": 1, ' + comment + b'"b":[' * 60, cuts) >= 60
