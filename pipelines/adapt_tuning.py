"""Which weights of a language model an adaptation trains: all, low-rank additions, or its last layers; needs torch."""

import torch
from csplade.pipelines.training_options import Tuned
from csplade.pipelines.tuning import add_lora, release_top, require_peft, top_of
from torch import nn
from transformers import PreTrainedModel


def check_tuned(model: PreTrainedModel, tuned: Tuned, top_layers: int) -> None:
    """Look, before long work, whether `tune` will do what is asked.

    Raises:
        MissingExtraError: as for `tune`.
        UsageError: as for `tune`.
    """
    if tuned is Tuned.LORA:
        require_peft()
    if tuned is Tuned.TOP:
        top_of(model.base_model, top_layers)


def tune(model: PreTrainedModel, tuned: Tuned, lora_rank: int, top_layers: int, seed: int) -> nn.Module:
    """Choose what is trained, in place; return the model, or with LoRA peft's wrapper of it.

    Raises:
        MissingExtraError: LoRA is asked for and peft is not installed.
        UsageError: more top layers are asked for than there are, or the architecture's layers are not known.
    """
    if tuned is Tuned.LORA:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            return add_lora(model, lora_rank, 2 * lora_rank, 0.0)
    if tuned is Tuned.TOP:
        model.requires_grad_(False)
        release_top(model.base_model, top_layers)
    whole: nn.Module = model
    return whole
