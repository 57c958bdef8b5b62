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
    pooled = [
        torch.matmul(hidden, rows.transpose(0, 1)).masked_fill(closed, torch.finfo(hidden.dtype).min).amax(dim=1)
        for rows in head.split(chunk)
    ]
    return torch.cat(pooled, dim=-1)
