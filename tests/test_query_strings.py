"""Query strings: what in them a person would look for, and what is left to the server."""

import re

import pytest
from csplade.integration.client import connect
from csplade.integration.query_strings import FreeText, free_text
from hypothesis import given
from hypothesis import strategies as st


def plain(text: str) -> FreeText:
    return FreeText(text, plain=True)


def mixed(text: str) -> FreeText:
    return FreeText(text, plain=False)


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("fresh bread", plain("fresh bread")),
        ("  wi-fi,  don't  ", plain("  wi-fi,  don't  ")),
        ("and or not", plain("and or not")),
        ("fresh AND bread", mixed("fresh bread")),
        ("fresh && bread || rye", mixed("fresh bread rye")),
        ("fresh NOT stale bread", mixed("fresh bread")),
        ("fresh -stale !old +bread", mixed("fresh bread")),
        ("fresh - stale bread", mixed("fresh bread")),
        ('"rye loaf" bread', mixed("rye loaf bread")),
        ('-"rye loaf" bread', mixed("bread")),
        ('"rye loaf"~2^3 bread^2', mixed("rye loaf bread")),
        ("lang:en bread", mixed("bread")),
        ("title:(fresh rye) bread", mixed("bread")),
        ('title:"fresh rye" bread', mixed("bread")),
        ("(fresh OR rye) AND bread", mixed("fresh rye bread")),
        ("-(fresh (rye loaf)) bread", mixed("bread")),
        ("NOT (fresh) bread", mixed("bread")),
        ("bre* ?read br?ad bred~ bread", mixed("bread")),
        ("is it fresh? bread", mixed("is it fresh bread")),
        ("lang:en", mixed("")),
        ("", plain("")),
    ],
)
def test_free_text_of_a_query_string(text: str, free: FreeText) -> None:
    assert free_text("query_string", text) == free


@pytest.mark.parametrize(
    "text",
    [
        *("year:[1990 TO 2000] bread", "/br[ea]+d/", "fresh\\-bread", "year:>2000", "{a TO b}", "half/half"),
        *("(fresh", "fresh)", 'a "phrase that does not end', "a::b", "my-field:x"),
    ],
)
def test_a_query_string_in_doubt_is_not_read(text: str) -> None:
    assert free_text("query_string", text) is None


HYPHENS = {
    "iphone 12 - 64gb": plain("iphone 12 - 64gb"),
    "fresh -\tbread -": plain("fresh -\tbread -"),
    "fresh --rye bread": plain("fresh --rye bread"),
    "fresh - -rye bread": mixed("fresh bread"),
    "fresh ---rye bread": mixed("fresh bread"),
    "fresh -- rye ----bread": plain("fresh -- rye ----bread"),
    "fresh -+ rye -| bread": mixed("fresh rye bread"),
    "fresh +-rye|-bread loaf": mixed("fresh loaf"),
    "(fresh -) rye (- loaf)": mixed("fresh rye loaf"),
    "fresh --(rye loaf) bread": mixed("fresh rye loaf bread"),
    "fresh -(rye loaf) bread": mixed("fresh bread"),
    "fresh -\u00a0rye bread": mixed("fresh bread"),
    "fresh -rye\u3000loaf bread": mixed("fresh bread"),
}
"""Hyphens of `simple_query_string` between, before and behind words."""


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("fresh bread", plain("fresh bread")),
        ("how fresh? (see below)", mixed("how fresh? see below")),
        ("fresh AND bread: a/b [c]", plain("fresh AND bread: a/b [c]")),
        ("fresh + bread | rye", mixed("fresh bread rye")),
        ("fresh+bread", mixed("fresh bread")),
        ("C++ programming", mixed("C++ programming")),
        ("is it C++, (g++) or A+?", mixed("is it C++ , g++ or A+ ?")),
        ("C+++", mixed("C+++")),
        ('fresh+"rye loaf" + bread', mixed("fresh rye loaf bread")),
        ("-C++ D+-e", mixed("D")),
        ("wi-fi -stale", mixed("wi-fi")),
        ('fresh -"rye loaf" -(a b) "new bread"', mixed("fresh new bread")),
        ("bre* bred~1 bread", mixed("bread")),
        *HYPHENS.items(),
    ],
)
def test_free_text_of_a_simple_query_string(text: str, free: FreeText) -> None:
    assert free_text("simple_query_string", text) == free


@pytest.mark.cluster
def test_words_behind_hyphens_are_excluded_where_the_server_excludes_them(opensearch: str, index_name: str) -> None:
    client = connect(opensearch)
    client.indices.create(index=index_name, body={"mappings": {"properties": {"text": {"type": "text"}}}})
    for text, free in HYPHENS.items():
        body = {"query": {"simple_query_string": {"query": text, "fields": ["text"]}}}
        told = client.indices.validate_query(index=index_name, body=body, params={"explain": "true"})
        (each,) = told["explanations"]
        words = re.findall(r"(?<!-)text:(\w+)", re.sub(r"-\([^)]*\)", "", each["explanation"]))
        assert words == re.findall(r"\w+", free.text), (text, each)


@pytest.mark.parametrize("text", ["fresh\\ bread", "(fresh", 'a "b'])
def test_a_simple_query_string_in_doubt_is_not_read(text: str) -> None:
    assert free_text("simple_query_string", text) is None


@given(
    language=st.sampled_from(["query_string", "simple_query_string"]),
    text=st.text(alphabet=st.sampled_from('abAND OR:()"+-!|&~*?^/\\[] \n'), max_size=20),
)
def test_whatever_the_string_free_text_has_only_its_words(language: str, text: str) -> None:
    found = free_text(language, text)
    if found is not None and not found.plain:
        assert all(word in text for word in found.text.split())
        assert '"' not in found.text
        # Between quotation marks operators are text.
        assert '"' in text or not set(found.text) & set("()*~")
