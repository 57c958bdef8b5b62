"""The encoder as training sees it: whole vectors with gradients, expansion and literal path together; needs torch."""

from typing import NamedTuple

import torch
from csplade.pipelines.batches import Batch, TextBatch
from csplade.pipelines.contract import Literal
from csplade.pipelines.graph import Role
from csplade.pipelines.literal_training import literal_vectors
from csplade.pipelines.losses import focused
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.pooling import max_pool_for_training
from csplade.pipelines.training_options import QueryPath, ReadingOptions
from torch import Tensor, nn
from torch.nn.functional import pad


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


class TrainingModel(nn.Module):
    """A sparse encoder with what its vectors need besides."""

    def __init__(
        self, model: SparseEncoderModel, reading: ReadingOptions, literal: Literal | None, idf: Tensor | None = None
    ) -> None:
        """Take the encoder's parts; idf (terms,) is of the model's terms, for inference-free queries only."""
        super().__init__()
        raise NotImplementedError

    def forward(self, batch: Batch, keep: int = 0, logits: bool = False) -> Encodings:
        """Encode both sides of a batch; `keep` and `logits` as in `encode`."""
        raise NotImplementedError

    def encode(self, texts: TextBatch, role: Role, extra: int, keep: int = 0, logits: bool = False) -> Encoded:
        """Encode texts of one side over `extra` words beyond the model's terms.

        `keep` expansion terms of each text survive, the heaviest; 0 keeps all.
        """
        raise NotImplementedError
