"""A trained encoder before its export: what training hands over, and what published checkpoints are read into."""

from collections.abc import Mapping
from dataclasses import dataclass

from csplade.pipelines.contract import Literal
from csplade.pipelines.literal import K1, B
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.training_options import ReadingOptions, TermSpace
from tokenizers import Tokenizer


@dataclass(frozen=True)
class About:
    """Where a model is from; for its contract and card."""

    name: str
    base_model: str
    base_revision: str
    licence: str = ""
    training: tuple[str, ...] = ()
    """Names of the data it was trained on."""


@dataclass(frozen=True)
class Trained:
    """A torch encoder with everything that its vectors depend on."""

    model: SparseEncoderModel
    tokenizer: Tokenizer
    """Puts BOS, EOS and the like where the model wants them; neither pads nor truncates."""
    reading: ReadingOptions
    terms: tuple[str, ...]
    """Term key by the model's term number."""
    idf: Mapping[str, float]
    """idf over broad text by term key; weights of inference-free queries."""
    default_idf: float
    average_words: float
    """Of the literal path; 0 without one."""
    about: About

    @property
    def literal(self) -> Literal | None:
        """Return the literal path; there is one in the term space `words` only."""
        if self.reading.term_space is not TermSpace.WORDS:
            return None
        return Literal(K1, B, self.average_words, self.default_idf, self.reading.analysis)
