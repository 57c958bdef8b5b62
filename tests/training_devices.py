"""One step of a tiny model on one device, or on one of two that average their gradients; what a new process runs."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from csplade.pipelines import development
from csplade.pipelines.collectives import average_gradients
from csplade.pipelines.graph import GraphOutput, Role
from csplade.pipelines.precision import precision
from csplade.pipelines.shards import shard
from csplade.pipelines.torch_graph import TorchGraph
from csplade.pipelines.training_options import LossOptions, ReadingOptions
from csplade.pipelines.training_step import StepOptions, StepReport, backward
from csplade.tests.tiny_trained import tiny_trained
from csplade.tests.training_parts import EXAMPLES, collator, training_model
from torch import Tensor, distributed
from torch.distributed.tensor import DTensor

_LOSS = LossOptions(bag_of_words=0.3, kl=0.5, margin_mse=0.1, flops_warm_up=0.0, focus_start=40, focus_end=10)
_WAIT = timedelta(minutes=5)
"""For the other device, which may have died."""
Found = tuple[dict[str, Tensor], StepReport]
"""Gradients by name, and the report."""


def stepped(
    reading: ReadingOptions, residual: bool, micro_queries: int, bf16: bool = False, sharded: bool = False
) -> Found:
    """Take the first step of a new model, together with the other device if there is one."""
    model = training_model(reading, residual)
    if sharded:
        shard(model.model.backbone, torch.device("cpu"))
    torch.manual_seed(0)
    batch, options = collator(reading)(EXAMPLES, 1, seed=0), StepOptions(_LOSS, 10, micro_queries)
    with precision(torch.device("cpu"), bf16):
        report = backward(model, batch, torch.rand(4, 8), options, step=1)
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    average_gradients(weight for weight in weights.values() if not isinstance(weight, DTensor))
    return {name: _whole(weight.grad) for name, weight in weights.items() if weight.grad is not None}, report


def _whole(gradient: Tensor) -> Tensor:
    return gradient.full_tensor() if isinstance(gradient, DTensor) else gradient


class _Counting(TorchGraph):
    """Counts the texts that it encodes."""

    texts = 0

    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        _Counting.texts += len(token_ids)
        return super().run(token_ids, role)


def measured_on_device(collection: Path, shared: bool) -> tuple[dict[str, float], int]:
    """Measure a model, together with the other device if asked to, and count the texts that this one encodes."""
    _Counting.texts = 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(development, "TorchGraph", _Counting)
        found = development.measured(tiny_trained(), development.read_development(collection, 100), shared)
    return found, _Counting.texts


def step_on_device(rank: int, folder: Path, settings: list[tuple[ReadingOptions, bool]]) -> None:
    """Take the first step of each setting as one of two devices, measure, and write what it found."""
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meet"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=_WAIT)
    for number, (reading, residual) in enumerate(settings):
        for micro_queries in (0, 1):
            found = stepped(reading, residual, micro_queries)
            torch.save(found, folder / f"{rank}-{number}-{micro_queries}.pt")
    torch.save(measured_on_device(folder / "collection", shared=True), folder / f"{rank}-measured.pt")
    distributed.destroy_process_group()


def step_on_second_device(_: int, folder: Path, settings: list[tuple[ReadingOptions, bool]]) -> None:
    """Be the second device, as a new process that torch starts with its number among those it starts."""
    step_on_device(1, folder, settings)
