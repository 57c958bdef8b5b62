"""The adaptation phase of CSPLADE (arXiv 2504.10816): a language model learns to speak through log(1 + relu(.)).

    L = L_CLM + lambda L_relu

over packed texts, from one forward pass. Without it, contrastive training of a causal model kills units at its start.
A bidirectional model predicts hidden tokens instead (Lion, arXiv 2502.15526): the state before a hidden token predicts
it. What a step reads and hides, and its dropout, depend on seed and step alone, so a resumed run ends as one never
stopped.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from csplade.pipelines.adapt_losses import Predictions, hide, predict
from csplade.pipelines.adapt_options import AdaptOptions
from csplade.pipelines.adapt_tuning import check_tuned, tune
from csplade.pipelines.attention import check_attention, read
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.backbone import soft_cap
from csplade.pipelines.chance import seed_of
from csplade.pipelines.checkpoints import Checkpoints
from csplade.pipelines.errors import TrainingError, UsageError
from csplade.pipelines.packing import rows_of_step
from csplade.pipelines.precision import multiplies_bf16, precision
from csplade.pipelines.schedules import rate_factor
from csplade.pipelines.training_failures import naming_lack_of_memory
from csplade.pipelines.training_log import TrainingLog
from csplade.pipelines.training_options import Tuned
from csplade.pipelines.tuning import clip, restore, trained_weights
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

_CLIP_NORM = 1.0


class AdaptStep(NamedTuple):
    """What a step saw."""

    step: int
    """Counted from 1."""
    loss: float
    clm: float
    relu: float
    positive: float
    """Share of positions whose best logit is above 0."""


class AdaptReport(NamedTuple):
    """How an adaptation ended."""

    steps: int
    """Steps done."""
    finished: bool
    last: AdaptStep | None
    """None if no step was left to do."""
    seconds: float


@dataclass(frozen=True)
class Place:
    """Where an adaptation leaves its checkpoints and its log."""

    checkpoints: Checkpoints
    log: Path


def check_options(options: AdaptOptions, model: PreTrainedModel) -> None:
    """Refuse options that cannot be carried out.

    Raises:
        UsageError: the attention is echo, or none that the architecture can have, or there are fewer top layers.
        MissingExtraError: LoRA is asked for and peft is not installed.
    """
    if options.attention is Attention.ECHO:
        raise UsageError("echo reads with causal attention: adapt with causal and train with echo")
    check_attention(model.config.model_type, options.attention)
    check_tuned(model, options.tuned, options.top_layers)


def adapt(
    model: PreTrainedModel,
    sequences: NDArray[np.int32],
    mask_id: int,
    options: AdaptOptions,
    place: Place,
    show: Callable[[AdaptStep], None],
    stop: Callable[[], bool],
) -> AdaptReport:
    """Adapt the model in place, from the newest checkpoint on if there is one, and save as it goes.

    `sequences` (sequences, length) are `packing.pack`'s; `mask_id` hides tokens of a bidirectional model. After each
    step `stop` may ask to end, which leaves a checkpoint. LoRA is merged into the model at the end.

    Raises:
        TrainingError: a loss or gradient is not finite, or memory does not suffice.
        SourceError: the checkpoint is damaged or of another adaptation.
        UsageError: the options do not fit the model.
    """
    check_options(options, model)
    began = time.perf_counter()
    if options.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    wrapped = tune(model.to(device_here()), options.tuned, options.lora_rank, options.top_layers, options.seed)
    run = _Run(model, sequences, mask_id, options, place.checkpoints)
    last, done = None, run.resume()
    model.train()
    with TrainingLog(place.log, done) as log:
        while done < options.steps and not stop():
            last = run.step(done, log)
            done += 1
            show(last)
            if done % options.save_every == 0 or done == options.steps:
                run.save(done)
    if done < options.steps and done % options.save_every:
        run.save(done)
    if done == options.steps and options.tuned is Tuned.LORA:
        wrapped.merge_and_unload()  # type: ignore[operator]
    model.eval()
    return AdaptReport(done, done == options.steps, last, time.perf_counter() - began)


def device_here() -> torch.device:
    """Return what an adaptation computes on."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class _Run:
    """The state that steps change: weights and optimizer."""

    def __init__(
        self,
        model: PreTrainedModel,
        sequences: NDArray[np.int32],
        mask_id: int,
        options: AdaptOptions,
        checkpoints: Checkpoints,
    ) -> None:
        self.model, self.sequences, self.mask_id = model, sequences, mask_id
        self.options, self.checkpoints = options, checkpoints
        self._bf16 = options.bf16 and multiplies_bf16(model.device)
        self.trained = trained_weights(model)
        self.optimizer = torch.optim.AdamW(self.trained.values(), lr=options.learning_rate, weight_decay=0.0)

    def resume(self) -> int:
        """Take over the newest checkpoint and return how many steps it has done."""
        found = self.checkpoints.newest()
        if found is None:
            return 0
        restore(self.model, found.weights)
        state: dict[str, Any] = dict(found.optimizer)  # Any: torch's own format
        self.optimizer.load_state_dict(state)
        return found.step

    def save(self, done: int) -> None:
        """Write a checkpoint."""
        self.checkpoints.save(done, self.trained, self.optimizer.state_dict())

    def step(self, step: int, log: TrainingLog) -> AdaptStep:
        """Do one step, counted from 0."""
        began = time.perf_counter()
        rate = self.options.learning_rate * rate_factor(step, self.options.steps, self.options.warm_up)
        with naming_lack_of_memory(
            f"a forward pass of {self.options.micro_batch or self.options.batch} sequences of "
            f"{self.options.length} tokens needs more memory than there is: set --micro-batch lower, or --length"
            f"{'' if self.options.checkpointing else ', or --checkpointing'}"
        ):
            found = self._gradients(step)
        norm = clip(self.trained.values(), _CLIP_NORM)
        self._check_finite(found, norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        seconds = time.perf_counter() - began
        tokens = self.options.batch * self.options.length
        log.write(_line(found, rate, norm, seconds, tokens))
        return found

    def _gradients(self, step: int) -> AdaptStep:
        """Set the gradients of one step's loss, in as many forward passes as asked for."""
        options = self.options
        torch.manual_seed(seed_of(options.seed, step))
        rows = rows_of_step(len(self.sequences), options.batch, step, options.seed)
        device = next(iter(self.trained.values())).device
        ids = torch.from_numpy(self.sequences[rows]).long().to(device)  # (batch, length)
        read_ids, wanted = self._task(ids, step)
        count = int(wanted.sum())
        self.optimizer.zero_grad(set_to_none=True)
        sums = [0.0, 0.0, 0.0]
        size = options.micro_batch or options.batch
        for begin in range(0, options.batch, size):
            part = slice(begin, begin + size)
            if not wanted[part].any():
                # Nothing is hidden in these sequences, so that they have no loss.
                continue
            found = self._predictions(read_ids[part], ids[part], wanted[part])
            torch.autograd.backward((found.clm + options.lambda_relu * found.relu) / count)
            sums = [sum_ + float(value.detach()) / count for sum_, value in zip(sums, found, strict=True)]
        clm, relu, positive = sums
        return AdaptStep(step + 1, clm + options.lambda_relu * relu, clm, relu, positive)

    def _task(self, ids: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return the tokens that are read, and which of them are to be predicted: both (batch, length)."""
        if self.options.attention is Attention.BIDIRECTIONAL:
            # Another stream than the one that `torch.manual_seed` starts.
            generator = torch.Generator().manual_seed(seed_of(self.options.seed, step, stream=1))
            return hide(ids, self.options.mask_share, self.mask_id, generator)
        wanted = torch.ones_like(ids, dtype=torch.bool)
        wanted[:, 0] = False
        return ids, wanted

    def _predictions(self, read_ids: Tensor, ids: Tensor, wanted: Tensor) -> Predictions:
        head = self.model.get_output_embeddings()
        cap = soft_cap(self.model.config)
        with precision(ids.device, self._bf16):
            states = read(self.model.base_model, read_ids, torch.ones_like(ids), self.options.attention)
            # The state before a token predicts it: (wanted, width).
            return predict(states[:, :-1][wanted[:, 1:]], ids[wanted], head, cap, head.weight.shape[0])

    def _check_finite(self, found: AdaptStep, norm: float) -> None:
        wrong = next((n for n, v in {"loss": found.loss, "gradient": norm}.items() if not math.isfinite(v)), None)
        if wrong is None:
            return
        newest = self.checkpoints.newest_path()
        kept = f"the last checkpoint is {newest}" if newest else "there is no checkpoint yet"
        raise TrainingError(
            f"the {wrong} of step {found.step} is not finite; {kept}: begin anew with a lower --learning-rate than "
            f"{self.options.learning_rate}"
        )


def _line(found: AdaptStep, rate: float, norm: float, seconds: float, tokens: int) -> Mapping[str, Any]:  # Any: JSON
    return {
        "step": found.step,
        "losses": {"total": found.loss, "clm": found.clm, "relu": found.relu},
        "positive": found.positive,
        "learning_rate": rate,
        "gradient_norm": norm,
        "seconds": seconds,
        "tokens_per_second": tokens / seconds,
    }
