"""The weighted sum of losses on what the model says of a whole batch; needs torch."""

from typing import NamedTuple

from csplade.pipelines import losses
from csplade.pipelines.batches import Batch
from csplade.pipelines.errors import UsageError
from csplade.pipelines.schedules import flops_factor
from csplade.pipelines.training_model import Encoded, own_pieces, own_words
from csplade.pipelines.training_options import LossOptions
from torch import Tensor
from torch.nn.functional import normalize


class Losses(NamedTuple):
    """What a batch costs."""

    total: Tensor
    """The weighted sum."""
    parts: dict[str, float]
    """Each loss that has a weight, before it is weighted, by its name in `LossOptions`."""


def loss_of(
    options: LossOptions,
    queries: Encoded,
    documents: Encoded,
    batch: Batch,
    teacher: Tensor | None,
    step: int,
    steps: int,
) -> Losses:
    """Return the loss of a batch; `teacher` (queries, documents) scores every document for every query.

    Without it, distillation uses the batch's own scores, which each query has for its own documents only.

    Raises:
        UsageError: a loss needs what is not there: a teacher, negatives, or the model on the query path.
    """
    vectors = normalize(queries.vectors, dim=-1) if options.normalized_queries else queries.vectors
    scores = vectors @ documents.vectors.T  # (queries, documents)
    found: dict[str, Tensor] = {}
    if options.contrastive:
        found["contrastive"] = losses.info_nce(scores, batch.targets(), batch.false_negatives(), options.temperature)
    if options.kl or options.margin_mse:
        found |= _distilled(options, scores, batch, teacher)
    if options.bag_of_words:
        found["bag_of_words"] = _bag_of_words(queries, documents, batch)
    if options.flops_query:
        found["flops_query"] = losses.flops(queries.expansion)
    if options.flops_document:
        found["flops_document"] = losses.flops(documents.expansion)
    return _summed(options, found, flops_factor(step, steps, options.flops_warm_up), scores)


def _summed(options: LossOptions, found: dict[str, Tensor], sparsity: float, scores: Tensor) -> Losses:
    factors = {"flops_query": sparsity, "flops_document": sparsity}
    total = scores.new_zeros(())
    for name, loss in found.items():
        total = total + getattr(options, name) * factors.get(name, 1.0) * loss
    return Losses(total, {name: loss.item() for name, loss in found.items()})


def _distilled(options: LossOptions, scores: Tensor, batch: Batch, teacher: Tensor | None) -> dict[str, Tensor]:
    ours, theirs, targets = _compared(scores, batch, teacher)
    found = {}
    if options.kl:
        found["kl"] = losses.kl_to_teacher(ours, theirs, options.temperature, options.teacher_temperature)
    if options.margin_mse:
        found["margin_mse"] = losses.margin_mse(ours, theirs, targets)
    return found


def _compared(scores: Tensor, batch: Batch, teacher: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return our scores, the teacher's, and each positive's column among them."""
    if teacher is not None:
        return scores, teacher, batch.targets()
    if batch.scores is None:
        raise UsageError(
            "loss.kl and loss.margin_mse need a teacher's scores, and the data has none for every example: name a "
            "--teacher, or set both to 0"
        )
    if batch.group == 1:
        raise UsageError(
            "the data's scores say nothing of a positive alone, and batch.negatives is 0: set it to 1 or more, or name "
            "a --teacher"
        )
    columns = batch.targets().unsqueeze(1) + batch.targets().new_tensor(range(batch.group))
    return scores.gather(1, columns), batch.scores, batch.targets() * 0


def _bag_of_words(queries: Encoded, documents: Encoded, batch: Batch) -> Tensor:
    """Let each positive predict the words of its query and, where the model reads queries, each query its positive's.

    The mean of both directions.
    """
    if documents.logits is None:
        raise UsageError("loss.bag_of_words needs logits, and the model was not asked for them: encode with logits")
    terms, positives = documents.expansion.shape[1], batch.targets()
    own = own_words if batch.queries.word_terms.shape[1] or batch.documents.word_terms.shape[1] else own_pieces
    forth = losses.bag_of_words(documents.logits[positives], own(batch.queries, terms))
    if queries.logits is None:
        return forth
    return (forth + losses.bag_of_words(queries.logits, own(batch.documents, terms)[positives])) / 2
