"""One training: what its steps work on, and what one step does; needs torch.

What a step sees and draws is a pure function of the recipe's seed and the step, so a run that was killed and resumed
ends with the weights of one that never was.
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from csplade.pipelines.batch_order import Order, order
from csplade.pipelines.batches import Batch, Collator, check_negatives, positives_of
from csplade.pipelines.chance import seed_of
from csplade.pipelines.checkpoints import Best, Checkpoints
from csplade.pipelines.collectives import average_gradients, gather_with_gradient
from csplade.pipelines.development import Development, measured
from csplade.pipelines.devices import Devices
from csplade.pipelines.precision import multiplies_bf16, precision
from csplade.pipelines.schedules import rate_factor
from csplade.pipelines.shards import TrainedWeights, filled, shard, skeleton, whole_weights
from csplade.pipelines.teacher import Teacher
from csplade.pipelines.trained import Trained
from csplade.pipelines.training_data import Example
from csplade.pipelines.training_failures import check_finite, naming_memory_knobs
from csplade.pipelines.training_model import TrainingModel
from csplade.pipelines.training_options import QueryPath, Recipe
from csplade.pipelines.training_step import StepOptions, StepReport, backward
from csplade.pipelines.tuning import (
    choose_weights,
    merge_lora,
    optimizer_over,
    set_rate,
    trained_weights,
)
from torch import Tensor

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Material:
    """What a training learns from, and is measured on."""

    examples: Sequence[Example]
    teacher: Teacher | None = None
    development: Development | None = None


class Run:
    """One training, from its start or its newest checkpoint to its end."""

    def __init__(
        self,
        trained: Trained,
        recipe: Recipe,
        material: Material,
        folder: Path,
        fingerprint: Mapping[str, Any],  # Any: JSON values
        devices: Devices,
    ) -> None:
        """Take everything that a step needs; LoRA goes into the model here.

        Raises:
            UsageError: recipe, examples and model do not fit together.
        """
        check_negatives(material.examples, recipe.batch.negatives)
        self.trained, self.recipe, self.material, self.devices = trained, recipe, material, devices
        self.folder = folder
        self._bf16 = recipe.batch.bf16 and multiplies_bf16(devices.device)
        self.checkpoints = Checkpoints(folder / CHECKPOINTS, fingerprint, recipe.run.keep)
        torch.manual_seed(recipe.run.seed)
        choose_weights(trained.model, recipe)
        self._bare = None
        if devices.shards:
            self._bare = skeleton(trained.model)
            shard(trained.model.backbone, devices.device)
        self.model = TrainingModel(trained.model, trained.reading, trained.literal, idf_of_terms(trained))
        self.model.to(devices.device)
        self.weights = TrainedWeights(trained_weights(self.model))
        self.optimizer = optimizer_over(self.weights.own, recipe.tune)
        self._order: Order = order(
            [example.source for example in material.examples],
            recipe.batch.queries,
            recipe.run.seed,
            recipe.batch.one_source,
        )
        positives = positives_of(material.examples)
        self._collate = Collator(
            trained.tokenizer, trained.reading, trained.terms, trained.idf, trained.default_idf, positives
        )
        self._options = StepOptions(recipe.loss, recipe.run.steps, recipe.batch.micro_queries)

    def step(self, step: int) -> dict[str, Any]:  # Any: JSON values
        """Do one step, counted from 0, and return its line of the log.

        Raises:
            TrainingError: the loss is not finite, or memory does not suffice.
        """
        began = time.perf_counter()
        recipe, devices = self.recipe, self.devices
        torch.manual_seed(seed_of(recipe.run.seed, step, stream=devices.rank))
        batch = self.batch(step)
        rate = set_rate(self.optimizer, rate_factor(step, recipe.run.steps, recipe.tune.warm_up))
        self.model.train()
        self.optimizer.zero_grad()
        with naming_memory_knobs(recipe.batch, step + 1):
            teacher = self._taught(batch)
            with precision(devices.device, self._bf16):
                report = backward(self.model, batch, teacher, self._options, step)
            average_gradients(self.weights.replicated)
            self.weights.take_gradients()
            norm = self.weights.clip(recipe.tune.clip_norm)
            check_finite(report.total, norm, step + 1, self.checkpoints.newest_path())
            self.optimizer.step()
        return _line(step + 1, report, batch, rate, norm, time.perf_counter() - began)

    def batch(self, step: int) -> Batch:
        """Return what a step sees, of all devices together."""
        examples = [self.material.examples[position] for position in self._order(step)]
        return self._collate(examples, self.recipe.batch.negatives, seed_of(self.recipe.run.seed, step))

    def save(self, step: int) -> None:
        """Write a checkpoint of all processes' weights; one of them does it, every one has to call."""
        keep = self.devices.is_main
        weights, state = self.weights.whole(keep), self.weights.whole_state(self.optimizer, keep)
        if keep:
            self.checkpoints.save(step, weights, state)
        self.devices.wait()

    def resume(self) -> int:
        """Go to the newest checkpoint and return its step, 0 if there is none.

        Raises:
            SourceError: it is damaged or of another training.
        """
        found = self.checkpoints.newest()
        if found is None:
            return 0
        self.weights.restore(found.weights)
        self.weights.restore_state(self.optimizer, found.optimizer)
        return found.step

    def measure(self, development: Development) -> dict[str, float]:
        """Return how well the model ranks the development collection now; every process has to call."""
        with precision(self.devices.device, self._bf16):
            # With shards each batch of texts needs all processes, which could not do different numbers of them.
            return measured(self.snapshot(), development, shared=not self.devices.shards)

    def snapshot(self) -> Trained:
        """Return the encoder as it is now, with the idf that inference-free queries have learned."""
        return with_table(self.trained, self.model)

    def finish(self, best: Best | None) -> Trained | None:
        """Return the encoder with the best weights, LoRA merged, on the processor; on the other processes None."""
        if not (self.devices.is_main or self.devices.shards):
            return None
        if best is not None:
            self.weights.restore(self.checkpoints.load(best.step).weights)
        finished = self.snapshot()
        if self._bare is not None:
            weights = whole_weights(finished.model, self.devices.is_main)
            if not self.devices.is_main:
                return None
            finished = dataclasses.replace(finished, model=filled(self._bare, weights))
        merge_lora(finished.model)
        finished.model.backbone.gradient_checkpointing_disable()
        finished.model.cpu().eval()
        return finished

    def _taught(self, batch: Batch) -> Tensor | None:
        teacher, loss = self.material.teacher, self.recipe.loss
        if teacher is None or not (loss.kl or loss.margin_mse):
            return None
        # Each device asks about its own queries: what costs most in a cross-encoder is shared.
        part = batch.part(self.devices.rank, self.devices.count)
        scores = torch.from_numpy(teacher.matrix(part.query_texts, batch.document_texts))
        return gather_with_gradient(scores.to(self.devices.device))


def idf_of_terms(trained: Trained) -> Tensor | None:
    """Return the idf of the model's terms, for inference-free queries only: (terms,)."""
    if trained.reading.query_path is QueryPath.MODEL:
        return None
    return torch.tensor([trained.idf.get(term, trained.default_idf) for term in trained.terms])


def with_table(trained: Trained, model: TrainingModel) -> Trained:
    """Give inference-free queries a weight for each of the model's terms, as counted or as learned so far."""
    table = model.idf()
    if table is None:
        return trained
    weights = dict(zip(trained.terms, table.tolist(), strict=True))
    return dataclasses.replace(trained, idf=dict(trained.idf) | weights)


def _line(
    done: int, report: StepReport, batch: Batch, rate: float, norm: float, seconds: float
) -> dict[str, Any]:  # Any: JSON values
    tokens = int(batch.queries.mask.sum() + batch.documents.mask.sum())
    return {
        "step": done,
        "losses": {"total": report.total, **report.parts},
        "learning_rate": rate,
        "gradient_norm": norm,
        "document_terms": report.active_document_terms,
        "query_terms": report.active_query_terms,
        "dead_terms": report.dead_terms,
        "seconds": round(seconds, 3),
        "tokens_per_second": round(tokens / seconds),
    }
