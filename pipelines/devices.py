"""The devices of a training: one process alone, or several under `accelerate launch` or torchrun; needs accelerate."""

from collections.abc import Iterable

import torch
from accelerate import Accelerator
from csplade.pipelines.gradient_cache import device_count, device_rank
from torch import Tensor, distributed, nn

_BUCKET = 32 * 1024 * 1024
"""Numbers that are averaged at once: few messages, and never a second copy of all gradients."""


class Devices:
    """This process among those that train together."""

    def __init__(self) -> None:
        # Without a GPU accelerate starts the group, but takes each process for the only one, unless told to use cores.
        self._accelerator = Accelerator(cpu=not torch.accelerator.is_available())

    @property
    def device(self) -> torch.device:
        """Return where this process computes."""
        device: torch.device = self._accelerator.device
        return device

    @property
    def rank(self) -> int:
        """Return this process's number."""
        return device_rank()

    @property
    def count(self) -> int:
        """Return how many processes there are."""
        return device_count()

    @property
    def is_main(self) -> bool:
        """Say whether this process writes files and shows progress."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.count > 1:
            distributed.barrier()

    def any(self, flag: bool) -> bool:
        """Return whether any process says yes, the same on all."""
        if self.count == 1:
            return flag
        said = torch.tensor(int(flag), device=self.device)
        distributed.all_reduce(said, distributed.ReduceOp.MAX)
        return bool(said.item())

    def average_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes.

        Once a step, after all parts of a batch: a wrapper such as DistributedDataParallel would do it for each part,
        and wait for weights that a side of the batch never reaches.
        """
        if self.count == 1:
            return
        bucket: list[Tensor] = []
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            bucket.append(weight.grad)
            if sum(gradient.numel() for gradient in bucket) >= _BUCKET:
                self._average(bucket)
                bucket = []
        self._average(bucket)

    def _average(self, gradients: list[Tensor]) -> None:
        if not gradients:
            return
        flat = torch.cat([gradient.reshape(-1).float() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.count
        begin = 0
        for gradient in gradients:
            gradient.copy_(flat[begin : begin + gradient.numel()].reshape(gradient.shape))
            begin += gradient.numel()
