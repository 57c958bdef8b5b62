"""Graphs in fp16 say what those in float32 say, whatever the architecture and however large the states are."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.graph import Graph, Role
from csplade.pipelines.quantize import QuantizeOptions, quantize_graph
from csplade.pipelines.quantize_kinds import Precision
from csplade.tests.tiny_architectures import tiny_architecture
from csplade.tests.tiny_graphs import HEAD_SIZE, LONGEST, VOCABULARY, encoder_of, exported
from numpy.typing import NDArray

pytestmark = pytest.mark.model

_LARGE = 3000.0
"""As the states of a language model's first position; fp16 ends at 65,504, and norms take squares."""
_IDS = [[0], [0, *range(20, 20 + LONGEST - 1)], [0, *range(60, 66)]]


@pytest.mark.parametrize("fused", [None, LONGEST])
@pytest.mark.parametrize("attention", list(Attention))
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2"])
def test_vectors_are_those_of_float32(kind: str, attention: Attention, fused: int | None, tmp_path: Path) -> None:
    encoder = encoder_of(tiny_architecture(kind, VOCABULARY, head_size=HEAD_SIZE), attention)
    model = exported(encoder, tmp_path / "exact.onnx", fused)
    (table,) = (each for each in model.graph.initializer if each.name.endswith("embed_tokens.weight"))
    states = onnx.numpy_helper.to_array(table)
    table.CopyFrom(onnx.numpy_helper.from_array(states * (_LARGE / np.abs(states).max()), table.name))
    onnx.save(model, tmp_path / "large.onnx")
    quantize_graph(tmp_path / "large.onnx", tmp_path / "fp16.onnx", QuantizeOptions(Precision.FP16))
    wanted, found = (_vectors(tmp_path / name) for name in ("large.onnx", "fp16.onnx"))
    assert wanted.max() > 0.5
    np.testing.assert_allclose(found, wanted, rtol=0.02, atol=0.02 * wanted.max())


def _vectors(path: Path) -> NDArray[np.float32]:
    """Return weights by term and gates of three texts, padded in one batch."""
    output = Graph.open(path).run(_IDS, Role.DOCUMENT)
    weights = np.zeros((len(_IDS), VOCABULARY), np.float32)
    np.put_along_axis(weights, output.term_ids, output.weights, axis=1)
    gates = [np.where(np.arange(LONGEST) < len(ids), row, 0) for ids, row in zip(_IDS, output.gates, strict=True)]
    return np.concatenate([weights, np.array(gates)], axis=1)
