"""The encoder as training sees it: whole vectors with gradients, expansion and literal path together; needs torch."""

import dataclasses
from typing import NamedTuple

import torch
from csplade.pipelines.batches import NO_TERM, Batch, TextBatch
from csplade.pipelines.contract import Literal
from csplade.pipelines.errors import UsageError
from csplade.pipelines.graph import Role
from csplade.pipelines.literal_training import literal_vectors
from csplade.pipelines.losses import focused
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.pooling import max_pool_for_training
from csplade.pipelines.training_options import QueryPath, ReadingOptions
from torch import Tensor, nn
from torch.nn.functional import pad

_SMALLEST_IDF = 1e-6
"""A learned idf is no smaller where its root is taken, as the root has no gradient at 0."""


class Window(NamedTuple):
    """How many expansion terms of each text survive, the heaviest; 0 for all."""

    query: int = 0
    document: int = 0


class Encoded(NamedTuple):
    """What the model says of texts."""

    vectors: Tensor
    """(texts, terms + extra): the weights that are scored."""
    expansion: Tensor
    """(texts, terms): the head's part of them; of an inference-free query its vector, without gradient."""
    logits: Tensor | None
    """(texts, terms): the head's part before log(1 + relu(.)), if asked for and there."""


class Encodings(NamedTuple):
    """Both sides of a batch."""

    queries: Encoded
    documents: Encoded


_ALL = Window()


class TrainingModel(nn.Module):
    """A sparse encoder with what its vectors need besides."""

    def __init__(
        self, model: SparseEncoderModel, reading: ReadingOptions, literal: Literal | None, idf: Tensor | None = None
    ) -> None:
        """Take the encoder's parts; idf (terms,) is of the model's terms, for inference-free queries only.

        Raises:
            UsageError: queries are inference-free and there is no idf.
        """
        super().__init__()
        if reading.query_path is not QueryPath.MODEL and idf is None:
            raise UsageError(f"the query path {reading.query_path.value} needs a table of idf: give one with --idf")
        self.model, self.reading, self.literal = model, reading, literal
        self.learned = nn.Parameter(idf.clone()) if idf is not None and _learns(reading) else None
        self.table: Tensor | None
        self.register_buffer("table", None if _learns(reading) else idf, persistent=False)
        # A parameter that no loss reaches would keep several devices waiting for its gradient.
        model.gate.requires_grad_(literal is not None or model.options.residual)

    def forward(self, batch: Batch, window: Window = _ALL, logits: bool = False) -> Encodings:
        """Encode both sides of a batch; see `encode`."""
        queries = self.encode(batch.queries, Role.QUERY, batch.extra, window.query, logits)
        return Encodings(queries, self.encode(batch.documents, Role.DOCUMENT, batch.extra, window.document, logits))

    def encode(self, texts: TextBatch, role: Role, extra: int, keep: int = 0, logits: bool = False) -> Encoded:
        """Encode texts of one side over `extra` words beyond the model's terms.

        `keep` expansion terms of each text survive, the heaviest; 0 keeps all. `logits` asks for them.
        """
        if role is Role.QUERY and self.reading.query_path is not QueryPath.MODEL:
            return self._looked_up(texts, extra)
        hidden, counted = self.model.read(texts.ids, texts.mask)
        side = torch.tensor(int(role), device=hidden.device)
        pooled = max_pool_for_training(hidden, self.model.head, counted)
        # Logits, not activations: those below 0 are wanted as they are.
        calibrated = self.model.calibrated(pooled)
        raw = self.model.folded(calibrated, torch.finfo(calibrated.dtype).min)  # (texts, terms)
        expansion = focused(self.model.strength[side] * self.model.activated(raw), keep).float()
        vectors = expansion
        if self.model.options.residual:
            gates = self.model.gates(hidden, side) * counted
            vectors = vectors.scatter_add(-1, texts.ids, gates.to(vectors.dtype))
        if self.literal is not None:
            own = self._literal(texts, self.model.gates(hidden, side), role, extra, self.literal)
            vectors = own + pad(vectors, (0, extra))
        return Encoded(vectors, expansion, raw.float() if logits else None)

    def idf(self) -> Tensor | None:
        """Return the idf of the model's terms, as trained so far, None where it came without: (terms,)."""
        return self.table if self.learned is None else self.learned.clamp(min=0)

    def _looked_up(self, texts: TextBatch, extra: int) -> Encoded:
        """Encode queries without the model: in `words` gates are 1, in `pieces` each own piece weighs its idf once."""
        terms = len(self.model.groups)
        if self.literal is not None:
            gates = torch.ones(texts.ids.shape, device=texts.ids.device)
            vectors = self._literal(texts, gates, Role.QUERY, extra, self.literal)
        else:
            idf = self.idf()
            vectors = own_pieces(texts, terms).float() * (1.0 if idf is None else idf)
        return Encoded(vectors, vectors[:, :terms].detach(), None)

    def _literal(self, texts: TextBatch, gates: Tensor, role: Role, extra: int, literal: Literal) -> Tensor:
        return literal_vectors(self._with_learned(texts), gates, role, len(self.model.groups) + extra, literal)

    def _with_learned(self, texts: TextBatch) -> TextBatch:
        """Put the learned idf in the place of the batch's, on both sides, as the exported encoder has one table."""
        if self.learned is None:
            return texts
        known = (texts.word_terms != NO_TERM) & (texts.word_terms < len(self.learned))
        learned = self.learned.clamp(min=_SMALLEST_IDF).sqrt()[texts.word_terms.where(known, 0)]
        return dataclasses.replace(texts, roots=learned.where(known, texts.roots))


def own_pieces(texts: TextBatch, terms: int) -> Tensor:
    """Return which vocabulary pieces a text has of its own, without BOS and prefix: (texts, terms) bool."""
    counts = texts.own.new_zeros(len(texts.ids), terms)
    return counts.scatter_add(1, texts.ids, texts.own) > 0


def own_words(texts: TextBatch, terms: int) -> Tensor:
    """Return which of the model's terms are words of the text: (texts, terms) bool."""
    known = (texts.word_terms != NO_TERM) & (texts.word_terms < terms)
    counts = texts.ids.new_zeros(len(texts.ids), terms)
    return counts.scatter_add(1, texts.word_terms.where(known, 0), known.to(counts.dtype)) > 0


def _learns(reading: ReadingOptions) -> bool:
    return reading.query_path is QueryPath.LEARNED
