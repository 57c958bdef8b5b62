"""One step of a tiny model on one device, or on one of two that average their gradients; what a new process runs."""

from pathlib import Path

import torch
from csplade.pipelines.training_model import TrainingModel
from csplade.pipelines.training_options import LossOptions, ReadingOptions
from csplade.pipelines.training_step import StepOptions, StepReport, backward
from csplade.tests.training_parts import EXAMPLES, collator, training_model
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

_LOSS = LossOptions(bag_of_words=0.3, kl=0.5, margin_mse=0.1, flops_warm_up=0.0, focus_start=40, focus_end=10)
Found = tuple[dict[str, Tensor], StepReport]
"""Gradients by name, and the report."""


def stepped(reading: ReadingOptions, residual: bool, micro_queries: int) -> Found:
    """Take the first step of a new model."""
    model = training_model(reading, residual)
    return _gradients(model, model, reading, micro_queries)


def _gradients(model: TrainingModel, wrapped: nn.Module, reading: ReadingOptions, micro_queries: int) -> Found:
    torch.manual_seed(0)
    batch, options = collator(reading)(EXAMPLES, 1, seed=0), StepOptions(_LOSS, 10, micro_queries)
    report = backward(wrapped, batch, torch.rand(4, 8), options, step=1)
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}, report


def step_on_device(rank: int, folder: Path, settings: list[tuple[ReadingOptions, bool]]) -> None:
    """Take the first step of each setting as one of two devices, and write what it found."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    for number, (reading, residual) in enumerate(settings):
        for micro_queries in (0, 1):
            model = training_model(reading, residual)
            found = _gradients(model, DistributedDataParallel(model), reading, micro_queries)
            torch.save(found, folder / f"{rank}-{number}-{micro_queries}.pt")
    distributed.destroy_process_group()
