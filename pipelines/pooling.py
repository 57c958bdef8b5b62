"""Max pooling of language-model logits over positions, in chunks of the vocabulary; needs torch.

max over positions, then log(1 + relu(.)) is equation 1 of CSPLADE (arXiv 2504.10816); chunks keep the
(batch, length, vocabulary) tensor from ever existing.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

_CHUNK = 8192


def max_pool(hidden: Tensor, head: Tensor, mask: Tensor, chunk: int = _CHUNK) -> Tensor:
    """Return the largest logit of each vocabulary row over the positions that count.

    Shapes: hidden (batch, length, width), head (vocabulary, width), mask (batch, length) -> (batch, vocabulary).
    """
    closed = (mask == 0).unsqueeze(-1)  # (batch, length, 1)
    lowest = torch.finfo(hidden.dtype).min
    # Slices, not `split`: the exporter folds a slice of a constant into a constant, which can then be quantized.
    pooled = [
        torch.matmul(hidden, head[begin : begin + chunk].transpose(0, 1)).masked_fill(closed, lowest).amax(dim=1)
        for begin in range(0, head.shape[0], chunk)
    ]
    return torch.cat(pooled, dim=-1)


def max_pool_for_training(hidden: Tensor, head: Tensor, mask: Tensor) -> Tensor:
    """Return what `max_pool` returns, with a gradient for `hidden` alone that costs one row per term, not per token.

    Shapes: hidden (batch, length, width), head (vocabulary, width), mask (batch, length) -> (batch, vocabulary).
    """
    pooled: Tensor = _MaxPool.apply(hidden, head, mask)
    return pooled


class _MaxPool(torch.autograd.Function):
    """Remembers where each maximum stood; only those places have a gradient."""

    @staticmethod
    def forward(ctx: FunctionCtx, hidden: Tensor, head: Tensor, mask: Tensor) -> Tensor:
        closed = (mask == 0).unsqueeze(-1)  # (batch, length, 1)
        found = [
            torch.matmul(hidden, rows.T).masked_fill_(closed, torch.finfo(hidden.dtype).min).max(dim=1)
            for rows in torch.split(head, _CHUNK)
        ]
        ctx.save_for_backward(torch.cat([part.indices for part in found], dim=-1), hidden, head)
        return torch.cat([part.values for part in found], dim=-1)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None, None]:
        places, hidden, head = ctx.saved_tensors  # type: ignore[attr-defined]
        rows = []
        for where, values in zip(places, gradient, strict=True):
            alive = values.nonzero().squeeze(-1)
            moved = head.new_zeros(hidden.shape[1], head.shape[1])
            rows.append(moved.index_add_(0, where[alive], values[alive, None] * head[alive]))
        return torch.stack(rows), None, None
