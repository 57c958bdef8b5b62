"""Texts of a chosen number of tokens, cut from the Python library's documentation."""

from csplade.pipelines.standard_library import read_standard_library
from tokenizers import Tokenizer

_CHARACTERS = 2_000_000


def texts_of(tokenizer: Tokenizer, tokens: int, count: int) -> list[str]:
    """Return so many texts that the tokenizer reads as about so many tokens, BOS and the like included."""
    running = " ".join(entry.text for entry in read_standard_library())[:_CHARACTERS]
    encoding = tokenizer.encode(running)
    spans = [span for span, special in zip(encoding.offsets, encoding.special_tokens_mask, strict=True) if not special]
    size = tokens - (len(encoding) - len(spans))
    starts = [place * (len(spans) - size) // count for place in range(count)]
    return [running[spans[start][0] : spans[start + size - 1][1]].strip() for start in starts]
