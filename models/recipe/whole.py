"""The whole model's expansions, from its cached last states: what the cut model learns to imitate.

Pooled logits are normalised per text, so that long texts do not fire more, then per piece over plain texts.
"""

from dataclasses import dataclass

import torch
from csplade.models.recipe.corpus import Text, padded
from csplade.pipelines.pooling import max_pool
from torch import Tensor

_GROUP = 50


@dataclass(frozen=True)
class Whole:
    """The whole model's head with the statistics of its pooled logits."""

    head: Tensor
    mean: Tensor
    deviation: Tensor
    threshold: float

    @torch.no_grad()
    def expansions(self, texts: list[Text]) -> Tensor:
        """Return how many deviations above the threshold each piece is: (texts, pieces)."""
        return (_normalised(self.head, texts) - self.mean) / self.deviation - self.threshold


@torch.no_grad()
def measure_whole(head: Tensor, texts: list[Text], threshold: float) -> Whole:
    """Return the head with statistics over the texts."""
    groups = [texts[begin : begin + _GROUP] for begin in range(0, len(texts), _GROUP)]
    rows = torch.cat([_normalised(head, group) for group in groups])
    return Whole(head, rows.mean(0), rows.std(0), threshold)


def _normalised(head: Tensor, texts: list[Text]) -> Tensor:
    last, mask = padded([text.last for text in texts])
    mask[:, 0] = 0  # BOS is not a part of the text.
    pooled = max_pool(last, head, mask)
    return (pooled - pooled.mean(dim=1, keepdim=True)) / pooled.std(dim=1, keepdim=True)
