"""What ranking is learned from: literal path and dense teacher together, each in its own unit."""

from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import log_softmax

_LITERAL_SPREAD, _DENSE_SPREAD = 4.0, 0.1
"""Standard deviations of a query's literal scores and of its cosines over a collection, rounded means of eight."""
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
    ours, theirs = log_softmax(found, dim=1), log_softmax(target, dim=1)
    back, their_back = log_softmax(found.T, dim=1), log_softmax(target.T, dim=1)
    divergence = (theirs.exp() * (theirs - ours)).sum(1).mean() + (their_back.exp() * (their_back - back)).sum(1).mean()
    return divergence, -ours.diagonal().mean()
