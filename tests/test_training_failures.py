"""Losses that are no numbers and memory that does not suffice, as sentences with the setting to change."""

import math
from pathlib import Path

import pytest
import torch
from csplade.pipelines.errors import TrainingError
from csplade.pipelines.training_failures import check_finite, naming_memory_knobs
from csplade.pipelines.training_options import BatchOptions


def test_a_real_lack_of_memory_names_the_three_settings() -> None:
    with (
        pytest.raises(TrainingError, match=r"at step 3: set batch\.micro_queries .*checkpointing=true") as found,
        naming_memory_knobs(BatchOptions(queries=512), 3),
    ):
        torch.zeros(1 << 50)
    assert "lower batch.queries (now 512)" in str(found.value)


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied"), naming_memory_knobs(BatchOptions(), 1):
        torch.mm(torch.ones(2, 3), torch.ones(2, 3))


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_loss_or_gradient_that_is_no_number_names_step_and_checkpoint(wrong: float) -> None:
    check_finite(1.0, 2.0, 5, None)
    with pytest.raises(TrainingError, match=rf"the loss is {wrong} at step 5; there is no checkpoint yet"):
        check_finite(wrong, 1.0, 5, None)
    with pytest.raises(TrainingError, match=rf"gradient is {wrong} at step 5; the last good checkpoint is a/b\.pt"):
        check_finite(1.0, wrong, 5, Path("a/b.pt"))
