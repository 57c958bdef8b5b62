"""How the encoder reads texts: its tokenizer, its expansion's terms, and the idf of its literal path."""

from dataclasses import dataclass
from pathlib import Path

import orjson
from csplade.models.recipe.plan import BOS, LITERAL, VOCABULARY
from csplade.pipelines.backbone import cut_tokenizer, load_tokenizer
from csplade.pipelines.batches import Collator
from csplade.pipelines.training_options import ReadingOptions
from tokenizers import Tokenizer

_QUERY_TOKENS = 32
"""Longest queries of the training; the encoder itself reads longer ones."""


@dataclass(frozen=True)
class Reader:
    """What texts are read by, before a model is there."""

    tokenizer: Tokenizer
    terms: tuple[str, ...]
    idf: dict[str, float]

    def collator(self, document_tokens: int) -> Collator:
        """Return what makes batches, of documents with so many tokens at most."""
        reading = ReadingOptions(lowercase=True, query_tokens=_QUERY_TOKENS, document_tokens=document_tokens)
        return Collator(self.tokenizer, reading, self.terms, self.idf, LITERAL.default_idf)


def open_reader(gguf: Path, work: Path, terms: tuple[str, ...]) -> Reader:
    """Return the language model's tokenizer, cut, with the table of step 2."""
    tokenizer = cut_tokenizer(load_tokenizer(str(gguf.parent), gguf.name), VOCABULARY, lowercase=True, bos=BOS)
    return Reader(tokenizer, terms, orjson.loads((work / "idf.json").read_bytes())["idf"])
