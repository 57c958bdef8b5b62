"""What processes that train together tell each other; one process alone has nothing to tell; needs torch."""

from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

_Item = TypeVar("_Item")
_BUCKET = 32 * 1024 * 1024
"""Numbers that are averaged at once: few messages, and never a second copy of all gradients."""


def device_count() -> int:
    """Return how many devices train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def device_rank() -> int:
    """Return this device's number."""
    return distributed.get_rank() if device_count() > 1 else 0


def gather_with_gradient(own: Tensor) -> Tensor:
    """Return the tensors of all devices, one behind the other; gradients go to the own one: (n, ...) -> (world n, ...).

    All devices must bring the same shape.
    """
    if device_count() == 1:
        return own
    rows = [torch.empty_like(own) for _ in range(device_count())]
    distributed.all_gather(rows, own.detach().contiguous())
    rows[distributed.get_rank()] = own
    return torch.cat(rows)


def gather_items(own: _Item) -> list[_Item]:
    """Return what each device brings, in the order of devices; the same on all."""
    if device_count() == 1:
        return [own]
    found: list[Any] = [None] * device_count()  # Any: filled in place
    distributed.all_gather_object(found, own)
    return found


def average_gradients(weights: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the devices; a weight without one counts as 0.

    Once a step, after all parts of a batch: a wrapper such as DistributedDataParallel would do it for each part, and
    wait for weights that a side of the batch never reaches.
    """
    if device_count() == 1:
        return
    bucket: list[Tensor] = []
    size = 0
    for weight in weights:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        bucket.append(weight.grad)
        size += weight.grad.numel()
        if size >= _BUCKET:
            _average(bucket)
            bucket, size = [], 0
    _average(bucket)


def _average(gradients: list[Tensor]) -> None:
    if not gradients:
        return
    flat = torch.cat([gradient.reshape(-1).float() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= device_count()
    begin = 0
    for gradient in gradients:
        gradient.copy_(flat[begin : begin + gradient.numel()].reshape(gradient.shape))
        begin += gradient.numel()
