"""What ends a training before its time, as sentences that name the setting to change."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import torch
from csplade.pipelines.errors import TrainingError
from csplade.pipelines.training_options import BatchOptions

# The processor's allocator has no exception class of its own.
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def check_finite(loss: float, norm: float, step: int, checkpoint: Path | None) -> None:
    """Refuse a step, counted from 1, whose loss or gradient is no number, before it spoils the weights.

    Raises:
        TrainingError: one of them is not finite.
    """
    if math.isfinite(loss) and math.isfinite(norm):
        return
    what = f"the loss is {loss}" if not math.isfinite(loss) else f"the norm of the gradient is {norm}"
    kept = f"the last good checkpoint is {checkpoint}" if checkpoint else "there is no checkpoint yet"
    raise TrainingError(
        f"{what} at step {step}; {kept}: train anew with a lower tune.learning_rate or tune.head_learning_rate, "
        "a higher loss.temperature, or batch.bf16=false"
    )


def naming_memory_knobs(batch: BatchOptions, step: int) -> AbstractContextManager[None]:
    """Turn a lack of memory in the block, of a step counted from 1, into a sentence with the settings to change."""
    return naming_lack_of_memory(
        f"there is too little memory for the batch at step {step}: set batch.micro_queries (now "
        f"{batch.micro_queries or 'off'}) to 1 or a little more, batch.checkpointing=true (now "
        f"{str(batch.checkpointing).lower()}), or lower batch.queries (now {batch.queries})"
    )


@contextmanager
def naming_lack_of_memory(sentence: str) -> Iterator[None]:
    """Turn a lack of memory in the block into a sentence.

    Raises:
        TrainingError: memory did not suffice.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_lack_of_memory(error):
            raise
        raise TrainingError(sentence) from error


def _is_lack_of_memory(error: Exception) -> bool:
    said = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(phrase in said for phrase in _NO_MEMORY)
