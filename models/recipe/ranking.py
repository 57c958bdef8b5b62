"""What ranking is learned from: literal path and dense teacher together, each in its own unit."""

from typing import NamedTuple

import torch
from csplade.pipelines.losses import info_nce, kl_to_teacher
from torch import Tensor

_LITERAL_SPREAD, _DENSE_SPREAD = 4.0, 0.1
"""Standard deviations of a query's literal scores and of its cosines over a collection, rounded means of the eight that
the recipe was developed on. Over the training pairs they are 1.41 and 0.074 (`spreads.py`)."""
_SHARPNESS = 2.0


class Target(NamedTuple):
    """Scores to learn from, (queries, documents) both; each query's own document stands on the diagonal."""

    literal: Tensor
    dense: Tensor

    def logits(self) -> Tensor:
        """Return the sum of both, each over its spread."""
        return _SHARPNESS * (self.literal / _LITERAL_SPREAD + self.dense / _DENSE_SPREAD)


def ranking_loss(found: Tensor, wanted: Target) -> tuple[Tensor, Tensor]:
    """Return the divergence from the target, of queries over documents and the other way, and InfoNCE."""
    target = wanted.logits().detach()
    divergence = kl_to_teacher(found, target, 1.0, 1.0) + kl_to_teacher(found.T, target.T, 1.0, 1.0)
    return divergence, info_nce(found, torch.arange(len(found)), None, 1.0)
