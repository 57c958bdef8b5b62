"""What is counted over the documents of a training, and tables of idf that come from a file."""

import gzip
import math
from pathlib import Path

import orjson
import pytest
from csplade.pipelines import broad_text
from csplade.pipelines.broad_text import count_terms, distinct, inverse, read_idf
from csplade.pipelines.errors import SourceError
from csplade.pipelines.fold import every_piece
from csplade.pipelines.training_options import ReadingOptions, TermSpace
from csplade.tests.tiny_encoder import tiny_tokenizer

WORDS = ReadingOptions()
PIECES = ReadingOptions(term_space=TermSpace.PIECES)
TEXTS = ["The bread runs out", "bread, bread and salt", "running water", "a pump"]


def idf(texts: int, holding: int) -> float:
    """Return Lucene's idf, rounded as it is kept."""
    return round(math.log((texts + 1) / (holding + 0.5)), 4)


def test_words_are_counted_by_text_under_the_keys_of_the_literal_path() -> None:
    found = count_terms(TEXTS, WORDS, tiny_tokenizer(), ())
    assert found.idf == {"bread": idf(4, 2), "run": idf(4, 2)}
    assert found.default_idf == idf(4, 1)
    # bread run | bread bread salt | run water | pump: `out` and the like are function words.
    assert found.average_words == 2.0


def test_pieces_are_counted_under_the_keys_of_their_ids_without_bos() -> None:
    tokenizer = tiny_tokenizer()
    terms = every_piece(tokenizer).terms
    found = count_terms(["bread", "bread pump", "pump", "bread"], PIECES, tokenizer, terms)
    assert found.idf == {"▁bread": idf(4, 3), "▁pump": idf(4, 2)}
    assert found.average_words == 0.0


def test_texts_without_a_word_have_the_length_of_one() -> None:
    found = count_terms(["the", "..."], WORDS, tiny_tokenizer(), ())
    assert (found.idf, found.average_words) == ({}, 1.0)


@pytest.mark.parametrize(("texts", "holding"), [(1, 1), (10, 3), (10, 10), (1_000_000, 1)])
def test_idf_is_lucenes(texts: int, holding: int) -> None:
    assert inverse(texts, holding) == pytest.approx(math.log(1 + (texts - holding + 0.5) / (holding + 0.5)))
    assert inverse(texts, holding) > 0


def test_each_text_counts_once_and_too_many_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert distinct(["b", "a", "b", "c", "a"]) == ["b", "a", "c"]
    assert distinct([]) == []
    monkeypatch.setattr(broad_text, "_MOST_TEXTS", 4)
    numbers = [str(number) for number in range(10)]
    assert distinct(numbers[:4]) == numbers[:4]
    assert distinct(numbers) == ["0", "3", "6", "9"]


@pytest.mark.parametrize("zipped", [False, True])
def test_a_table_is_read_with_and_without_its_default(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "idf"

    def write(value: object) -> Path:
        content = orjson.dumps(value)
        path.write_bytes(gzip.compress(content) if zipped else content)
        return path

    table = {"bread": 2.5, "idf": 7, "default": 1.0}
    assert read_idf(write({"idf": table, "default": 9})) == (table, 9.0)
    assert read_idf(write({"bread": 2.5, "oven": 4})) == ({"bread": 2.5, "oven": 4.0}, 4.0)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"nonsense", "holds no table of idf"),
        (b"[1]", "holds no table of idf"),
        (b"{}", "holds no table of idf"),
        (b'{"idf": {"bread": 1}}', r"holds no table of idf .'default'.: write"),
        (b'{"bread": "much"}', "holds no table of idf"),
        (b'{"bread": -1}', "negative or not finite"),
        (b'{"idf": {"bread": 1}, "default": "inf"}', "negative or not finite"),
        (b"\x1f\x8bcut", "holds no table of idf"),
        (gzip.compress(b'{"bread": 1}', mtime=0)[:10] + b"\xff" * 12, "holds no table of idf .*invalid block type"),
    ],
)
def test_a_file_that_is_no_table_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "idf.json").write_bytes(content)
    with pytest.raises(SourceError, match=told):
        read_idf(tmp_path / "idf.json")
    with pytest.raises(SourceError, match=r"holds no table of idf .*No such file"):
        read_idf(tmp_path / "missing.json")
