"""A batch in parts of texts of about one length: most of a batch that is padded to its longest text is padding."""

from dataclasses import fields

import torch
from csplade.pipelines.batches import TextBatch
from csplade.pipelines.encode_batches import batches
from csplade.pipelines.graph import Role
from csplade.pipelines.training_model import Encoded, TrainingModel
from torch import Tensor

_TOKENS_AT_ONCE = 2048
"""Of a part, with its padding: its states stay in the processor's caches."""


def encode(model: TrainingModel, texts: TextBatch, role: Role, extra: int, keep: int) -> tuple[Tensor, Tensor]:
    """Return vectors and logits, as `TrainingModel.encode`: (texts, terms + extra), (texts, terms)."""
    lengths = texts.mask.sum(1).tolist()
    parts = list(batches(dict(enumerate(lengths)), _TOKENS_AT_ONCE))
    found = [model.encode(_part(texts, part), role, extra, keep, logits=True) for part in parts]
    back = torch.tensor([place for part in parts for place in part]).argsort()
    return torch.cat([each.vectors for each in found])[back], torch.cat([_logits(each) for each in found])[back]


def _part(texts: TextBatch, places: list[int]) -> TextBatch:
    """Return the texts of these places, and no longer than they are."""
    length, words = int(texts.mask[places].sum(1).max()), max(1, int(texts.lengths[places].max()))
    of_words = ("word_terms", "word_tokens", "roots")
    cut = {
        field.name: getattr(texts, field.name)[places][:, : words if field.name in of_words else length]
        for field in fields(texts)
        if field.name != "lengths"
    }
    return TextBatch(**cut, lengths=texts.lengths[places])


def _logits(found: Encoded) -> Tensor:
    assert found.logits is not None  # as they were asked for
    return found.logits
