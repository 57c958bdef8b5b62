"""Words of a text: what is one, what is left out, where it ends."""

import tracemalloc
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import Stemmer
from csplade.pipelines import words
from csplade.pipelines.encode import Encoder
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.vocab import decode_key
from csplade.pipelines.words import Word, find_words, split_words
from hypothesis import given
from hypothesis import strategies as st


def test_english_words_are_lower_cased_stemmed_and_without_function_words() -> None:
    assert split_words("The Running of PLANTS isn't it", "english") == [Word("run", 11), Word("plant", 21)]


def test_plain_words_are_only_lower_cased() -> None:
    assert split_words("The Plants", "plain") == [Word("the", 3), Word("plants", 10)]


def test_letters_and_digits_of_any_script_are_words_and_everything_else_parts_them() -> None:
    keys = [word.key for word in split_words("XJ-4400B, get_item 3.5 Zürich 東京", "plain")]
    assert keys == ["xj", "4400b", "get", "item", "3", "5", "zürich", "東京"]


def test_an_unknown_analysis_is_told_with_the_known_ones() -> None:
    with pytest.raises(EncoderError, match="'klingon' is unknown, this csplade has english, plain"):
        split_words("x", "klingon")


@pytest.fixture
def no_stemmer_yet() -> Iterator[None]:
    """Let the stemmer be made anew, and again when the test has put its own away."""
    caches = (words._english, words._english_stemmer)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def _stemmer_with(word: str, stem: str) -> Callable[[str], object]:
    """Return what makes a stemmer that differs from the one that is installed in one word."""
    installed = Stemmer.Stemmer("english").stemWord

    class Other:
        def __init__(self, language: str) -> None:
            assert language == "english"

        def stemWord(self, written: str) -> str:
            found: str = stem if written == word else installed(written)
            return found

    return Other


@pytest.mark.usefixtures("no_stemmer_yet")
@pytest.mark.parametrize(("word", "stem"), [("university", "univers"), ("internal", "intern"), ("paste", "past")])
def test_a_stemmer_that_gives_other_terms_is_refused(monkeypatch: pytest.MonkeyPatch, word: str, stem: str) -> None:
    """Of PyStemmer 2.2 the first and the last, of 3.0 the second: queries would find nothing of what they mean."""
    monkeypatch.setattr(Stemmer, "Stemmer", _stemmer_with(word, stem))
    told = rf"PyStemmer [\d.]+ stems '{word}' to '{stem}', .* its term is '\w+': .* pip install 'PyStemmer==3\.1\.\*'"
    for _ in range(2):
        with pytest.raises(EncoderError, match=told):
            find_words("bread", "english")
    assert find_words("bread", "plain").keys == ["bread"]


@pytest.mark.usefixtures("no_stemmer_yet")
def test_such_a_stemmer_is_refused_when_an_encoder_is_opened(
    monkeypatch: pytest.MonkeyPatch, encoder_folder: Path
) -> None:
    """A gateway that met it with its first query would fail open, and nobody would know."""
    monkeypatch.setattr(Stemmer, "Stemmer", _stemmer_with("evening", "even"))
    with pytest.raises(EncoderError, match="stems 'evening' to 'even'"):
        Encoder.open(encoder_folder)


@given(st.text())
def test_every_key_can_be_read_back_and_every_end_is_behind_a_letter_or_digit(text: str) -> None:
    for profile in ("english", "plain"):
        for word in split_words(text, profile):
            assert decode_key(word.key)
            assert text[word.end - 1].isalnum() or unicodedata.category(text[word.end - 1]).startswith("M")
            assert word.end == len(text) or not text[word.end].isalnum()


def test_marks_belong_to_their_word_and_accents_may_be_written_in_two_ways() -> None:
    assert [word.key for word in split_words("हिन्दी भाषा", "plain")] == ["हिन्दी", "भाषा"]
    assert split_words("cafe\u0301 noir", "plain")[0] == Word("café", 5)
    assert split_words("caf\u00e9 noir", "plain")[0] == Word("café", 4)


def test_runs_too_long_for_a_word_are_left_out() -> None:
    assert [word.key for word in split_words(f"bread {'x' * 256} salt {'y' * 255}", "plain")] == [
        "bread",
        "salt",
        "y" * 255,
    ]


def test_ever_new_words_take_no_more_memory_after_a_while() -> None:
    """What is kept of rare words is bounded, and small enough that its table may be made anew unseen."""

    def read(first: int, count: int) -> int:
        tracemalloc.reset_peak()
        for begin in range(first, first + count, 1000):
            find_words(" ".join(f"n{number}" for number in range(begin, begin + 1000)), "plain")
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        before, after = read(0, 40_000), read(40_000, 80_000)
    finally:
        tracemalloc.stop()
    assert after < before + 4_000_000
