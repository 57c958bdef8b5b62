"""The place of a text that is shown: where the heaviest terms meet, in whole words, on one line."""

import pytest
from csplade.integration.snippet import best_snippet, one_line, words_of
from hypothesis import given
from hypothesis import strategies as st

FILLER = "nothing of interest stands here at all. " * 10
LONG = FILLER + "Keep the loaves of bread in a cloth. " + FILLER + "Some bread. " + FILLER


def test_a_short_text_is_shown_whole_on_one_line() -> None:
    assert best_snippet(" Fresh\n\tbread \x1b[31m and\x00 butter ", {}) == "Fresh bread [31m and butter"


def test_the_heaviest_group_of_different_terms_is_shown() -> None:
    found = best_snippet(LONG, {"bread": 2.0, "cloth": 1.0, "loav": 1.5})
    assert "loaves of bread in a cloth" in found
    assert found.startswith("…")
    assert found.endswith("…")


def test_one_heavy_term_wins_over_two_light_ones() -> None:
    text = FILLER + "apple pear " + FILLER + "quince " + FILLER
    assert "quince" in best_snippet(text, {"apple": 1.0, "pear": 1.0, "quinc": 3.0})
    assert "apple pear" in best_snippet(text, {"apple": 1.0, "pear": 1.0, "quinc": 1.9})


def test_a_term_twice_counts_once() -> None:
    text = FILLER + "bread bread bread bread " + FILLER + "bread butter " + FILLER
    assert "bread butter" in best_snippet(text, {"bread": 1.0, "butter": 0.1})


@pytest.mark.parametrize(
    ("word", "term"), [("fishing", "fish"), ("happy", "happi"), ("studies", "studi"), ("Bread", "bread")]
)
def test_words_meet_their_stems(word: str, term: str) -> None:
    assert word in best_snippet(FILLER + word + " " + FILLER, {term: 1.0})


@pytest.mark.parametrize(("word", "term"), [("carbonate", "car"), ("ants", "an"), ("theme", "the me")])
def test_words_do_not_meet_what_only_begins_like_them(word: str, term: str) -> None:
    assert best_snippet(FILLER + word + " " + FILLER, {term: 1.0}).startswith("nothing of interest")


def test_without_a_match_the_beginning_is_shown() -> None:
    assert best_snippet(LONG, {"quantum": 1.0}).startswith("nothing of interest")


def test_a_text_without_spaces_is_cut_somewhere() -> None:
    found = best_snippet("麵包" * 200, {"麵": 1.0})
    assert len(found) == 91


def test_words_of_a_question_weigh_by_length() -> None:
    assert words_of("How fresh, how?") == {"how": 3.0, "fresh": 5.0}


def test_one_line_has_no_control_characters() -> None:
    assert one_line("a\r\n b\x1b\x07\x9bc\u2028d") == "a b c d"


@given(
    st.text(st.sampled_from("ab c\n麵-é"), max_size=300),
    st.dictionaries(st.text(st.sampled_from("abcé麵"), min_size=1, max_size=4), st.floats(0.1, 10)),
    st.integers(10, 100),
)
def test_a_snippet_is_a_piece_of_the_text_of_about_the_width(text: str, terms: dict[str, float], width: int) -> None:
    found = best_snippet(text, terms, width)
    assert found.strip("…") in one_line(text)
    assert len(found) <= width + 2
