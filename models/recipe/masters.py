"""AdamW over float copies of the weights that it is given, whatever type those have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

_LONGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Group:
    """Weights that learn at one rate."""

    weights: Sequence[Tensor]
    rate: float
    decay: float = 0.0


class Masters:
    """An optimizer; bf16 weights would lose steps that are smaller than half of their last bit."""

    def __init__(self, groups: Sequence[Group], rate_of_step: Callable[[int], float]) -> None:
        """Take the weights; each group's rate is multiplied by what `rate_of_step` says."""
        self._weights = [weight for group in groups for weight in group.weights]
        self._masters = [weight.detach().float().clone() for weight in self._weights]
        masters = iter(self._masters)
        options = [
            {"params": [next(masters) for _ in group.weights], "lr": group.rate, "weight_decay": group.decay}
            for group in groups
        ]
        self._adam = torch.optim.AdamW(options, betas=(0.9, 0.98), fused=True)
        self._rates = torch.optim.lr_scheduler.LambdaLR(self._adam, rate_of_step)

    def step(self) -> Tensor:
        """Take the gradients of the weights, and return how long they were together."""
        for weight, master in zip(self._weights, self._masters, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        length = clip_grad_norm_([master for master in self._masters if master.grad is not None], _LONGEST_GRADIENT)
        self._adam.step()
        self._rates.step()
        with torch.no_grad():
            for weight, master in zip(self._weights, self._masters, strict=True):
                weight.copy_(master)
        return length
