"""Which weights a training moves: full, LoRA, top layers; the optimizer's groups; what is merged and restored."""

import dataclasses

import pytest
import torch
from csplade.pipelines.errors import UsageError
from csplade.pipelines.training_model import TrainingModel
from csplade.pipelines.training_options import BatchOptions, Recipe, StartOptions, Tuned, TuneOptions
from csplade.pipelines.tuning import (
    choose_weights,
    clip,
    merge_lora,
    optimizer_over,
    restore,
    set_rate,
    trained_weights,
)
from csplade.tests.training_parts import PIECES, WORDS, training_model
from torch import Tensor, nn

IDS = torch.tensor([[0, 9, 41, 300, 7]])
HEAD = {"model.scale", "model.shift", "model.strength", "model.gate.weight", "model.gate.bias"}


def prepared(tune: TuneOptions, recipe: Recipe | None = None) -> TrainingModel:
    recipe = dataclasses.replace(recipe or Recipe(reading=WORDS), tune=tune)
    model = training_model(recipe.reading)
    choose_weights(model.model, recipe)
    # Made anew as a training does, since it decides about the gate.
    return TrainingModel(model.model, model.reading, model.literal)


def states(model: TrainingModel) -> Tensor:
    with torch.no_grad():
        return model.model.read(IDS, torch.ones_like(IDS))[0]


def move(model: TrainingModel, by: float = 0.05) -> None:
    with torch.no_grad():
        for weight in trained_weights(model).values():
            weight.add_(by)


def language(model: TrainingModel) -> set[str]:
    """Return the names of what is trained of the language model, within it."""
    names = trained_weights(model).keys() - HEAD
    return {name.removeprefix("model.").removeprefix("backbone.") for name in names}


def test_full_trains_every_weight_of_the_language_model_and_the_head() -> None:
    model = prepared(TuneOptions(tuned=Tuned.FULL))
    assert trained_weights(model).keys() == dict(model.named_parameters()).keys()
    assert "head" in language(model)


def test_top_trains_the_last_layers_and_the_final_norm() -> None:
    names = language(prepared(TuneOptions(tuned=Tuned.TOP, top_layers=1)))
    assert names and {name.partition(".")[0] for name in names} == {"layers", "norm"}
    assert {name.split(".")[1] for name in names if name.startswith("layers")} == {"1"}
    both = language(prepared(TuneOptions(tuned=Tuned.TOP, top_layers=2)))
    assert {name.split(".")[1] for name in both if name.startswith("layers")} == {"0", "1"}
    with pytest.raises(UsageError, match="the model has 2 layers, the last 3 cannot be trained: choose 1 to 2"):
        prepared(TuneOptions(tuned=Tuned.TOP, top_layers=3))


def test_lora_trains_adapters_alone_which_start_as_nothing_and_merge_into_the_weights() -> None:
    before = states(training_model(WORDS))
    model = prepared(TuneOptions(tuned=Tuned.LORA, lora_rank=4, lora_alpha=8))
    names = language(model)
    assert names and all("lora_" in name for name in names)
    assert all(4 in weight.shape for name, weight in trained_weights(model).items() if "lora_" in name)
    torch.testing.assert_close(states(model), before)
    move(model)
    moved = states(model)
    assert (moved - before).abs().max() > 1e-2
    merge_lora(model.model)
    assert not any("lora_" in name for name, _ in model.named_parameters())
    torch.testing.assert_close(states(model), moved, atol=1e-4, rtol=1e-4)
    merge_lora(model.model)  # There is nothing left to merge.
    torch.testing.assert_close(states(model), moved, atol=1e-4, rtol=1e-4)


def test_the_papers_head_has_nothing_to_calibrate_and_no_strength() -> None:
    bare = Recipe(reading=PIECES, start=StartOptions(calibrate=False))
    assert trained_weights(prepared(TuneOptions(tuned=Tuned.TOP), bare)).keys().isdisjoint(HEAD)
    calibrated = trained_weights(prepared(TuneOptions(tuned=Tuned.TOP), Recipe(reading=PIECES)))
    assert calibrated.keys() & HEAD == {"model.scale", "model.shift"}


def test_checkpointing_gives_the_same_gradients() -> None:
    gradients = []
    for checkpointing in (False, True):
        recipe = Recipe(reading=WORDS, batch=BatchOptions(checkpointing=checkpointing))
        model = prepared(TuneOptions(tuned=Tuned.FULL), recipe).train()
        assert getattr(model.model.backbone, "is_gradient_checkpointing", None) is checkpointing
        torch.autograd.backward(model.model.read(IDS, torch.ones_like(IDS))[0].sum())
        gradients.append(model.model.backbone.embed_tokens.weight.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


def test_the_language_model_and_what_stands_on_it_have_rates_of_their_own() -> None:
    tune = TuneOptions(tuned=Tuned.FULL, learning_rate=0.1, head_learning_rate=0.4, weight_decay=0.3)
    model = prepared(tune)
    weights = trained_weights(model)
    optimizer = optimizer_over(weights, tune)
    first, second = optimizer.param_groups
    held = {name for name, weight in weights.items() if any(weight is each for each in second["params"])}
    assert held == HEAD
    assert len(first["params"]) + len(second["params"]) == len(weights)
    assert (first["weight_decay"], second["weight_decay"]) == (0.3, 0.0)
    assert set_rate(optimizer, 0.5) == pytest.approx(0.05)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.2])
    # Of the base, not of what was set before.
    assert set_rate(optimizer, 0.25) == pytest.approx(0.025)


def test_saved_weights_come_back_and_frozen_ones_stay() -> None:
    model = prepared(TuneOptions(tuned=Tuned.TOP, top_layers=1))
    saved = {name: weight.detach().clone() for name, weight in trained_weights(model).items()}
    whole = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    move(model)
    restore(model, saved)
    assert all(torch.equal(weight, whole[name]) for name, weight in model.named_parameters())


def test_gradients_are_scaled_down_to_a_norm_and_left_if_smaller() -> None:
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, 4.0])
    assert clip([weight], 1.0) == pytest.approx(5.0)
    torch.testing.assert_close(weight.grad, torch.tensor([0.6, 0.8]), atol=1e-5, rtol=1e-5)
    assert clip([weight], 2.0) == pytest.approx(1.0)
    torch.testing.assert_close(weight.grad, torch.tensor([0.6, 0.8]), atol=1e-5, rtol=1e-5)


def test_what_lora_adds_is_multiplied_by_alpha_and_divided_by_the_rank() -> None:
    model = prepared(TuneOptions(tuned=Tuned.LORA, lora_rank=4, lora_alpha=12))
    move(model)
    adapted = model.model.backbone.get_submodule("base_model.model.layers.0.self_attn.q_proj")
    weights = {name.removesuffix(".default.weight"): weight for name, weight in adapted.named_parameters()}
    added = weights["lora_B"] @ weights["lora_A"] * (12 / 4)
    given = torch.randn(3, added.shape[1])
    torch.testing.assert_close(adapted(given), given @ (weights["base_layer.weight"] + added).T)
