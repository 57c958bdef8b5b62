"""Max pooling of language-model logits over positions, in chunks of the vocabulary; needs torch.

max over positions, then log(1 + relu(.)) is equation 1 of CSPLADE (arXiv 2504.10816); chunks keep the
(batch, length, vocabulary) tensor from ever existing.
"""

import torch
from torch import Tensor

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
