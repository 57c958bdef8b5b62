"""Which weights a training moves, and how: full, LoRA or top layers; the optimizer over them; needs torch and peft."""

from collections.abc import Iterable, Mapping

import torch
from csplade.pipelines.errors import MissingExtraError, UsageError
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.training_options import Recipe, TermSpace, Tuned, TuneOptions
from torch import Tensor, nn
from transformers import PreTrainedModel

_FINAL_NORMS = ("norm", "ln_f", "final_layer_norm")
_LANGUAGE_MODEL = ("model.backbone.", "model.head")
"""Beginnings of the names, in `TrainingModel`, of what the language model's learning rate is for."""


def choose_weights(model: SparseEncoderModel, recipe: Recipe) -> None:
    """Freeze what the recipe does not train; LoRA puts its adapters into the backbone, drawn from torch's seed.

    Raises:
        UsageError: it trains more top layers than there are, or they are not known.
        MissingExtraError: LoRA is asked for and peft is not installed.
    """
    model.requires_grad_(False)
    tune = recipe.tune
    if recipe.batch.checkpointing:
        model.backbone.gradient_checkpointing_enable({"use_reentrant": False})
    if tune.tuned is Tuned.LORA:
        model.backbone = add_lora(model.backbone, tune.lora_rank, tune.lora_alpha, tune.lora_dropout)
    elif tune.tuned is Tuned.TOP:
        release_top(model.backbone, tune.top_layers)
    else:
        model.backbone.requires_grad_(True)
        model.head.requires_grad_(True)
    # Where nothing is calibrated the head is the papers', which has no calibration to train.
    model.scale.requires_grad_(recipe.start.calibrate)
    model.shift.requires_grad_(recipe.start.calibrate)
    # Without a literal path beside it, the strength only scales all scores alike.
    model.strength.requires_grad_(recipe.reading.term_space is TermSpace.WORDS)


def add_lora(model: nn.Module, rank: int, alpha: int, dropout: float) -> nn.Module:
    """Freeze the model and put trained low-rank additions beside its linear maps, in place, a language head left out.

    Returns:
        what `merge_and_unload` of peft merges.

    Raises:
        MissingExtraError: peft is not installed.
    """
    require_peft()
    from peft import LoraConfig, get_peft_model

    options = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules="all-linear")
    adapted: nn.Module = get_peft_model(model, options)
    return adapted


def require_peft() -> None:
    """Check, before long work, that `add_lora` will work.

    Raises:
        MissingExtraError: peft is not installed.
    """
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("peft", "train") from error


def release_top(backbone: PreTrainedModel, count: int) -> None:
    """Let the last layers of a frozen model and its final norm be trained.

    Raises:
        UsageError: as for `top_of`.
    """
    norms = [getattr(backbone, name) for name in _FINAL_NORMS if hasattr(backbone, name)]
    for part in (*top_of(backbone, count), *norms):
        part.requires_grad_(True)


def top_of(backbone: PreTrainedModel, count: int) -> nn.ModuleList:
    """Return the last layers of a model.

    Raises:
        UsageError: it has fewer layers, or keeps them in a place that is not known.
    """
    depth: int = backbone.config.num_hidden_layers
    if not 0 < count <= depth:
        raise UsageError(
            f"the model has {depth} layers, the last {count} cannot be trained: choose 1 to {depth} top layers"
        )
    layers = layers_of(backbone)
    if layers is None:
        raise UsageError(f"the layers of {backbone.config.model_type} are not known: train with LoRA or in full")
    return layers[depth - count :]


def layers_of(backbone: nn.Module) -> nn.ModuleList | None:
    """Return the layers of a language model, with or without adapters in it, None where they are not known."""
    depth = getattr(getattr(backbone, "config", None), "num_hidden_layers", None)
    lists = (part for part in backbone.modules() if isinstance(part, nn.ModuleList) and len(part) == depth)
    return next(lists, None)


def merge_lora(model: SparseEncoderModel) -> None:
    """Add the adapters, if there are any, to the weights that they stand beside."""
    merge = getattr(model.backbone, "merge_and_unload", None)
    if merge is not None:
        model.backbone = merge()


def trained_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return what is trained of a `TrainingModel`, by name."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def optimizer_over(weights: Mapping[str, nn.Parameter], tune: TuneOptions) -> torch.optim.AdamW:
    """Return AdamW with a group for the language model and one for what stands on it; each has its `base` rate."""
    language = [weight for name, weight in weights.items() if name.startswith(_LANGUAGE_MODEL)]
    head = [weight for name, weight in weights.items() if not name.startswith(_LANGUAGE_MODEL)]
    groups = [
        {"params": language, "base": tune.learning_rate, "weight_decay": tune.weight_decay},
        # Pulling gates and calibration to 0 would undo their start.
        {"params": head, "base": tune.head_learning_rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=tune.learning_rate)


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> float:
    """Set each group's rate to its base times a factor, and return the first group's."""
    for group in optimizer.param_groups:
        group["lr"] = group["base"] * factor
    rate: float = optimizer.param_groups[0]["lr"]
    return rate


@torch.no_grad()
def restore(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put saved weights back in place."""
    for name, weight in trained_weights(model).items():
        weight.copy_(weights[name])


def clip(weights: Iterable[nn.Parameter], norm: float) -> float:
    """Scale the gradients down to a norm and return what it was."""
    return float(torch.nn.utils.clip_grad_norm_(list(weights), norm))
