"""The trained top layers, run on cached states of the frozen lower ones."""

import torch
from csplade.models.recipe.plan import LOWER_LAYERS, TOP_LAYERS, VOCABULARY
from csplade.pipelines.backbone import cut_layers, cut_vocabulary, load_language_model
from torch import Tensor
from transformers import PreTrainedModel

BOS_ID = 1


def cut_model(source: str, gguf_file: str) -> PreTrainedModel:
    """Return SmolLM2 with the lower layers and the top ones only, and the smaller vocabulary."""
    model = load_language_model(source, gguf_file)
    cut_vocabulary(model, VOCABULARY)
    cut_layers(model, (*range(LOWER_LAYERS), *TOP_LAYERS))
    return model


def run_top(model: PreTrainedModel, lower: Tensor) -> Tensor:
    """Return the last hidden states: (texts, length, width) -> the same shape."""
    length = lower.shape[1]
    backbone = model.model
    positions = torch.arange(length).unsqueeze(0)
    rotary = backbone.rotary_emb(lower, positions)
    future = torch.full((length, length), torch.finfo(lower.dtype).min).triu(diagonal=1)
    hidden = lower
    for layer in backbone.layers[LOWER_LAYERS:]:
        hidden = layer(hidden, attention_mask=future[None, None], position_ids=positions, position_embeddings=rotary)
    normalised: Tensor = backbone.norm(hidden)
    return normalised


def top_parameters(model: PreTrainedModel) -> list[torch.nn.Parameter]:
    """Return what is trained of the language model."""
    return [*model.model.layers[LOWER_LAYERS:].parameters(), *model.model.norm.parameters()]


def top_state(model: PreTrainedModel) -> dict[str, Tensor]:
    """Return the trained weights by name."""
    names = ("model.norm.", *(f"model.layers.{number}." for number in range(LOWER_LAYERS, LOWER_LAYERS + 2)))
    return {name: value for name, value in model.state_dict().items() if name.startswith(names)}
