"""Which weights of a language model are trained: all, low-rank additions, or those of its last layers; needs torch."""

import torch
from csplade.pipelines.errors import MissingExtraError, UsageError
from csplade.pipelines.training_options import Tuned
from torch import nn
from transformers import PreTrainedModel

_LAYERS = ("layers", "h")
"""What transformers calls the list of layers: Llama and most others, GPT-2 and its kin."""
_NORMS = ("norm", "ln_f")


def add_lora(model: PreTrainedModel, rank: int, alpha: int, dropout: float) -> nn.Module:
    """Freeze the model and put trained low-rank additions beside its linear maps, in place, head left out.

    Returns:
        what `merge_and_unload` of peft merges.

    Raises:
        MissingExtraError: peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtraError("peft", "train") from error
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules="all-linear")
    wrapped: nn.Module = get_peft_model(model, config)
    return wrapped


def train_top(model: PreTrainedModel, layers: int) -> None:
    """Freeze the model but for its last layers and its final norm.

    Raises:
        UsageError: it has fewer layers, or keeps them in a place that is not known.
    """
    backbone = model.base_model
    found = next((getattr(backbone, name) for name in _LAYERS if hasattr(backbone, name)), None)
    if found is None:
        raise UsageError(f"the layers of {model.config.model_type} are not known: tune with lora or full")
    if not 0 < layers <= len(found):
        raise UsageError(f"the model has {len(found)} layers, {layers} cannot be trained: choose 1 to {len(found)}")
    model.requires_grad_(False)
    for part in (*found[-layers:], *(getattr(backbone, name) for name in _NORMS if hasattr(backbone, name))):
        part.requires_grad_(True)


def tune(model: PreTrainedModel, tuned: Tuned, lora_rank: int, top_layers: int, seed: int) -> nn.Module:
    """Choose what is trained, in place; return the model, or with LoRA peft's wrapper of it.

    Raises:
        MissingExtraError: LoRA is asked for and peft is not installed.
        UsageError: more top layers are asked for than there are, or the architecture's layers are not known.
    """
    if tuned is Tuned.TOP:
        train_top(model, top_layers)
    if tuned is not Tuned.LORA:
        whole: nn.Module = model
        return whole
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return add_lora(model, lora_rank, 2 * lora_rank, 0.0)
