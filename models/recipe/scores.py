"""Differentiable scores of a batch of pairs, expansion and literal path together, and the losses on them."""

from dataclasses import dataclass

import torch
from csplade.models.recipe.corpus import Pair, Text, padded
from csplade.models.recipe.plan import LITERAL
from csplade.models.recipe.top import run_top
from csplade.pipelines.graph import Role
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.pooling import max_pool_for_training
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax, pad, softmax
from transformers import PreTrainedModel

_TEACHER_TEMPERATURE = 0.05
_CONTRASTIVE = 0.5


@dataclass(frozen=True)
class Training:
    """What every step needs."""

    model: SparseEncoderModel
    language_model: PreTrainedModel
    term_ids: dict[str, int]
    idf: dict[str, float]
    default_idf: float


@dataclass(frozen=True)
class Side:
    """What the model says of the queries, or of the documents, of a batch."""

    vectors: Tensor
    """(texts, terms and extra words): expansion and literal path together."""
    expansion: Tensor
    """(texts, terms)"""
    calibrated: Tensor
    """(texts, pieces): pooled logits, calibrated, before the relu."""


def encode(training: Training, texts: list[Text], role: Role, extra: dict[str, int]) -> Side:
    """Encode the texts of one side."""
    lower, mask = padded([text.lower for text in texts])
    mask[:, 0] = 0  # BOS is not a part of the text.
    hidden = run_top(training.language_model, lower)
    model, side = training.model, torch.tensor(int(role))
    pooled = max_pool_for_training(hidden, model.head.detach(), mask)
    expansion = model.strength[side] * model.folded(model.activations(pooled))
    gates = model.gates(hidden, side)
    known = len(training.term_ids)
    rows = [literal_weights(training, text, gates[row], role, extra, known) for row, text in enumerate(texts)]
    literal = torch.stack(rows)
    together = literal + pad(expansion, (0, literal.shape[1] - known))
    return Side(together, expansion, model.calibrated(pooled))


def literal_weights(
    training: Training, text: Text, gates: Tensor, role: Role, extra: dict[str, int], known: int
) -> Tensor:
    """Return one text's literal weights, the formula of `csplade.pipelines.literal` with gradients."""
    size = known + len(extra)
    if not text.words:
        return gates.new_zeros(size)
    places = torch.tensor([training.term_ids.get(word.key, extra.get(word.key, -1)) for word in text.words])
    tf = gates.new_zeros(size).index_add(0, places, gates[torch.from_numpy(text.word_tokens)])
    root = gates.new_zeros(size)
    root[places] = torch.tensor([training.idf.get(word.key, training.default_idf) for word in text.words]).sqrt()
    if role is Role.QUERY:
        return root * tf
    norm = LITERAL.k1 * (1 - LITERAL.b + LITERAL.b * len(text.words) / LITERAL.average_words)
    return root * (LITERAL.k1 + 1) * tf / (tf + norm)


def encode_pairs(training: Training, pairs: list[Pair]) -> tuple[Side, Side]:
    """Encode queries and documents over one numbering of extra words."""
    extra: dict[str, int] = {}
    for pair in pairs:
        for word in (*pair.query.words, *pair.document.words):
            if word.key not in training.term_ids and word.key not in extra:
                extra[word.key] = len(training.term_ids) + len(extra)
    queries = encode(training, [pair.query for pair in pairs], Role.QUERY, extra)
    return queries, encode(training, [pair.document for pair in pairs], Role.DOCUMENT, extra)


def loss_of(ours: Tensor, teacher: Tensor) -> Tensor:
    """Return the loss of one batch of scores: (pairs, pairs), (pairs, pairs) -> ()."""
    targets = torch.arange(len(ours))
    total = ours.new_zeros(())
    for mine, theirs in ((ours, teacher), (ours.T, teacher.T)):
        total = total + kl_div(log_softmax(mine, -1), softmax(theirs / _TEACHER_TEMPERATURE, -1), reduction="batchmean")
    return total / 2 + _CONTRASTIVE * cross_entropy(ours, targets)


def imitation_loss(calibrated: Tensor, wanted: Tensor) -> Tensor:
    """Return how far pooled logits are from the whole model's, both in deviations: (texts, pieces) twice -> ().

    Rows where the whole model fires are pulled to its value, all others pushed below the threshold, so that a row that
    the relu has silenced can come back.
    """
    fires = wanted > 0
    missed = torch.where(fires, calibrated - wanted, torch.relu(calibrated)).square().sum()
    return missed / torch.where(fires, wanted + 1.0, torch.zeros_like(wanted)).square().sum()
