"""One step of training: a batch in, gradients on the model and a report out; needs torch."""

from dataclasses import dataclass
from typing import NamedTuple

from csplade.pipelines.batches import Batch
from csplade.pipelines.training_model import Encoded, Encodings, TrainingModel
from csplade.pipelines.training_options import LossOptions
from torch import Tensor, nn

__all__ = ["Encoded", "Encodings", "Losses", "StepOptions", "StepReport", "TrainingModel", "backward", "loss_of"]


class Losses(NamedTuple):
    """What a batch costs."""

    total: Tensor
    """The weighted sum."""
    parts: dict[str, float]
    """Each loss that has a weight, without it, by its name in `LossOptions`."""


@dataclass(frozen=True)
class StepOptions:
    """What a step needs of a recipe."""

    loss: LossOptions
    steps: int
    """Of the whole training."""
    micro_queries: int = 0
    """Queries per forward pass and device; 0 runs the batch at once."""


@dataclass(frozen=True)
class StepReport:
    """What a step saw, over all devices."""

    total: float
    parts: dict[str, float]
    active_query_terms: float
    """Expansion terms per query."""
    active_document_terms: float
    dead_terms: int
    """The model's terms that fire for no text of the batch."""


def loss_of(
    options: LossOptions,
    queries: Encoded,
    documents: Encoded,
    batch: Batch,
    teacher: Tensor | None,
    step: int,
    steps: int,
) -> Losses:
    """Return the loss of a batch; `teacher` (queries, documents) scores every document for every query."""
    raise NotImplementedError


def backward(
    model: nn.Module, batch: Batch, teacher: Tensor | None, options: StepOptions, step: int, scale: float = 1.0
) -> StepReport:
    """Add a batch's gradients, times `scale`, to the model's parameters.

    `model` is a `TrainingModel`, bare or wrapped for several devices. The batch and the teacher's scores
    (queries, documents) are those of all devices together, the same on each: every device encodes its part, on the
    device where the model is.

    Raises:
        UsageError: the options ask for a teacher and there is none, or the batch cannot be dealt out evenly.
    """
    raise NotImplementedError
