"""What the documents of a training say of text at large: idf of each term, and how long documents are.

idf(t) = log(1 + (N - df + 0.5) / (df + 0.5)), as in Lucene's BM25
"""

import gzip
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from csplade.pipelines.errors import SourceError
from csplade.pipelines.training_options import ReadingOptions, TermSpace
from csplade.pipelines.words import split_words
from tokenizers import Tokenizer

_MOST_TEXTS = 200_000
"""More hardly move an idf; they take minutes."""
_DIGITS = 4
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class TextStatistics:
    """What is counted over texts."""

    idf: Mapping[str, float]
    """By term key; those of a term in a single text are left out, as `default_idf` is the same."""
    default_idf: float
    average_words: float
    """Words of a document; 0 in the term space `pieces`."""


def inverse(texts: int, frequency: int) -> float:
    """Return the idf of a term that `frequency` of `texts` texts hold."""
    return math.log(1 + (texts - frequency + 0.5) / (frequency + 0.5))


def distinct(texts: Iterable[str]) -> list[str]:
    """Return the texts that are counted: each once, evenly thinned where they are too many."""
    found = list(dict.fromkeys(texts))
    return found[:: 1 + (len(found) - 1) // _MOST_TEXTS] if found else found


def count_terms(
    texts: Sequence[str], reading: ReadingOptions, tokenizer: Tokenizer, terms: Sequence[str]
) -> TextStatistics:
    """Count the terms of texts: words, or pieces of `tokenizer`, whose keys are `terms` by vocabulary id."""
    frequencies, words = Counter[str](), 0
    for text in texts:
        keys = _keys(text, reading, tokenizer, terms)
        frequencies.update(set(keys))
        words += len(keys)
    table = {key: round(inverse(len(texts), n), _DIGITS) for key, n in sorted(frequencies.items()) if n > 1}
    # A text of no word at all has the length of one, so that the average never divides by 0.
    average = max(1, round(words / max(1, len(texts)))) if reading.term_space is TermSpace.WORDS else 0
    return TextStatistics(table, round(inverse(len(texts), 1), _DIGITS), float(average))


def read_idf(path: Path) -> tuple[dict[str, float], float]:
    """Return idf by term key, and that of a term that is not there, of a JSON file (.gz as well).

    It holds `{"idf": {key: number}, "default": number}`, or only the inner object, as an encoder folder's
    idf.json.gz does; without a default, that of its rarest term is taken.

    Raises:
        SourceError: it cannot be read, or holds something else.
    """
    try:
        content = path.read_bytes()
        found = orjson.loads(gzip.decompress(content) if content.startswith(_GZIP) else content)
        table = found["idf"] if isinstance(found.get("idf"), dict) else found
        idf = {str(key): float(value) for key, value in table.items()}
        default = float(found["default"]) if table is not found else max(idf.values())
    except (OSError, EOFError, zlib.error, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(
            f'{path} holds no table of idf ({error}): write {{"idf": {{"bread": 5.1}}, "default": 9.0}}'
        ) from error
    if not all(math.isfinite(value) and value >= 0 for value in (*idf.values(), default)):
        raise SourceError(f"{path} holds an idf that is negative or not finite: count it again")
    return idf, default


def _keys(text: str, reading: ReadingOptions, tokenizer: Tokenizer, terms: Sequence[str]) -> list[str]:
    if reading.term_space is TermSpace.WORDS:
        return [word.key for word in split_words(text, reading.analysis)]
    return [terms[number] for number in tokenizer.encode(text, add_special_tokens=False).ids]
