"""One step of training: a batch in, gradients on the model and a report out; needs torch."""

from dataclasses import dataclass
from functools import partial

import torch
from csplade.pipelines.batches import Batch
from csplade.pipelines.collectives import device_count, device_rank
from csplade.pipelines.gradient_cache import cached_backward, gathered
from csplade.pipelines.objective import Losses, loss_of
from csplade.pipelines.schedules import focus_window
from csplade.pipelines.training_model import Encodings, TrainingModel, Window
from csplade.pipelines.training_options import LossOptions
from torch import Tensor


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
    """The weighted sum of the losses."""
    parts: dict[str, float]
    """As in `Losses`."""
    active_query_terms: float
    """Expansion terms per query; all terms where queries are inference-free."""
    active_document_terms: float
    """Expansion terms per document."""
    dead_terms: int
    """The model's terms that fire for no text of the batch."""


def backward(model: TrainingModel, batch: Batch, teacher: Tensor | None, options: StepOptions, step: int) -> StepReport:
    """Add a batch's gradients to the model's parameters; their mean over the devices is that of the whole batch.

    The batch and the teacher's scores (queries, documents) are those of all devices together, the same on each: every
    device encodes its part, on the device where the model is.

    Raises:
        UsageError: a loss needs what is not there, as `loss_of` says, or the batch cannot be dealt out evenly.
    """
    device = next(model.parameters()).device
    whole = batch.to(device)
    known = None if teacher is None else teacher.to(device)
    window, logits = window_at(options.loss, step, options.steps), options.loss.bag_of_words > 0

    def cost(own: Encodings) -> tuple[Tensor, StepReport]:
        encoded = gathered(own)
        # Scores in bfloat16 would have three digits.
        with torch.autocast(device.type, enabled=False):
            losses = loss_of(options.loss, encoded.queries, encoded.documents, whole, known, step, options.steps)
        # Each device has the gradients of its own texts only, and their mean is taken, not their sum.
        return losses.total * device_count(), _report(losses, encoded)

    chunks = whole.part(device_rank(), device_count()).chunks(options.micro_queries)
    return cached_backward([partial(model, chunk, window, logits) for chunk in chunks], cost)


def window_at(options: LossOptions, step: int, steps: int) -> Window:
    """Return the focusing window of both sides at a step."""
    document = focus_window(step, steps, options.focus_start, options.focus_end, options.focus_share)
    return Window(max(1, round(document * options.focus_query)) if document else 0, document)


@torch.no_grad()
def _report(losses: Losses, encoded: Encodings) -> StepReport:
    queries, documents = encoded.queries.expansion > 0, encoded.documents.expansion > 0
    return StepReport(
        losses.total.item(),
        losses.parts,
        queries.sum(dim=1).float().mean().item(),
        documents.sum(dim=1).float().mean().item(),
        int((~(queries.any(dim=0) | documents.any(dim=0))).sum()),
    )
