"""Attention as people run a model: PyTorch's fused product, not the single steps that csplade traces for its export."""

import torch
from csplade.pipelines.attention import read
from csplade.pipelines.model import SparseEncoderModel
from torch import Tensor

_TOKENS = 8
_CLOSE = 1e-3


@torch.no_grad()
def attend_as_users(model: SparseEncoderModel) -> bool:
    """Let the layers attend by `sdpa`, the default of transformers, if they give the same states so; say whether.

    Some do not: Gemma 2 cuts its scores, which the fused product cannot.
    """
    if not model.backbone._supports_sdpa:
        return False
    before = _states(model)
    model.backbone.set_attn_implementation("sdpa")
    if torch.allclose(_states(model), before, rtol=_CLOSE, atol=_CLOSE * float(before.abs().max())):
        return True
    model.backbone.set_attn_implementation("eager")
    return False


def _states(model: SparseEncoderModel) -> Tensor:
    """Return the states of two texts of different length."""
    ids = torch.arange(2 * _TOKENS).view(2, _TOKENS) % model.config.vocab_size
    mask = torch.ones_like(ids)
    mask[1, _TOKENS // 2 :] = 0
    hidden = read(model.backbone, ids, mask, model.options.attention)
    return hidden[mask == 1]
