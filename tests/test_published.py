"""Weights that a published int8 graph stands for are those of its model, within a step of its integers."""

from pathlib import Path

import pytest
import torch
from csplade.models.recipe.llama import Llama
from csplade.models.recipe.published import Rounded, head_from, layers_from
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.quantize import QuantizeOptions, quantize_graph
from csplade.pipelines.quantize_kinds import Precision
from csplade.tests.tiny_architectures import tiny_architecture
from csplade.tests.tiny_graphs import HEAD_SIZE, LONGEST, VOCABULARY, encoder_of, exported
from torch import Tensor

pytestmark = pytest.mark.model

LARGEST = 63
"""Of an integer of 7 bits."""


def close(found: Tensor, wanted: Tensor) -> bool:
    """Say whether each output's weights are within a step, as the largest may be cut."""
    step = wanted.abs().amax(1, keepdim=True) / LARGEST
    return bool(((found.float() - wanted).abs() <= step + 1e-6).all())


def test_layers_and_head_come_back(tmp_path: Path) -> None:
    language_model = tiny_architecture("llama", VOCABULARY, head_size=HEAD_SIZE)
    model = encoder_of(language_model, Attention.CAUSAL)
    with torch.no_grad():
        # Equal ones become one constant.
        for name, weight in model.backbone.named_parameters():
            if name.endswith("norm.weight"):
                weight.uniform_(0.5, 1.5)
        model.shift.uniform_(-0.5, 0.5)
        model.strength.copy_(torch.tensor([0.7, 1.3]))
    exported(model, tmp_path / "exact.onnx", LONGEST)
    quantize_graph(tmp_path / "exact.onnx", tmp_path / "model.onnx", QuantizeOptions(Precision.INT8))

    wanted = Llama(language_model.model, frozen=1)
    other = encoder_of(tiny_architecture("llama", VOCABULARY, head_size=HEAD_SIZE), Attention.CAUSAL)
    with torch.no_grad():
        for weight in other.parameters():
            weight.normal_()
    found = Llama(other.backbone, frozen=1)
    kept = found.layers[0].heads_in.detach().clone()
    rounded = Rounded(tmp_path / "model.onnx")
    layers_from(rounded, found)
    head_from(rounded, other)

    assert torch.equal(found.layers[0].heads_in, kept)
    for name in ("heads_in", "heads_out", "inner_in", "inner_out"):
        assert close(getattr(found.layers[1], name), getattr(wanted.layers[1], name).float()), name
    torch.testing.assert_close(found.layers[1].norms, wanted.layers[1].norms)
    torch.testing.assert_close(found.norm, wanted.norm)
    assert close(other.head, model.head)
    for name in ("shift", "strength", "gate.weight", "gate.bias"):
        torch.testing.assert_close(other.get_parameter(name), model.get_parameter(name))
