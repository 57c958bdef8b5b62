"""The operator that attends in exported graphs gives what the layers of transformers give."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.graph import Graph, Role
from csplade.pipelines.quantize import QuantizeOptions, quantize_graph
from csplade.pipelines.quantize_kinds import Precision
from csplade.tests.tiny_architectures import tiny_architecture
from csplade.tests.tiny_graphs import HEAD_SIZE, LONGEST, VOCABULARY, check_same, encoder_of, exported
from onnx import ModelProto

pytestmark = pytest.mark.model

OPERATOR = "GroupQueryAttention"


def kinds(graph: ModelProto) -> list[str]:
    return [node.op_type for node in graph.graph.node]


@pytest.mark.parametrize("attention", [Attention.CAUSAL, Attention.ECHO])
@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2"])
def test_vectors_are_those_of_the_layers(kind: str, attention: Attention, tmp_path: Path) -> None:
    model = encoder_of(tiny_architecture(kind, VOCABULARY, head_size=HEAD_SIZE), attention)
    layers = len(model.backbone.layers)
    graph = exported(model, tmp_path / "model.onnx", LONGEST)
    assert kinds(graph).count(OPERATOR) == layers and "Softmax" not in kinds(graph)
    assert all(type(layer.self_attn).__module__.startswith("transformers.") for layer in model.backbone.layers)
    check_same(model, tmp_path / "model.onnx")


def test_a_graph_of_standard_operators_has_no_other(tmp_path: Path) -> None:
    model = encoder_of(tiny_architecture("llama", VOCABULARY, head_size=HEAD_SIZE), Attention.CAUSAL)
    graph = exported(model, tmp_path / "model.onnx", None)
    assert {node.domain for node in graph.graph.node} == {""} and "Softmax" in kinds(graph)


@pytest.mark.parametrize("why", ["both ways", "a window", "another architecture", "narrow heads"])
def test_other_attention_stays_as_it_is(why: str, tmp_path: Path) -> None:
    kind = {"a window": "mistral", "another architecture": "qwen3"}.get(why, "llama")
    language_model = tiny_architecture(kind, VOCABULARY, head_size=8 if why == "narrow heads" else HEAD_SIZE)
    if why == "a window":
        language_model.config.sliding_window = LONGEST - 1
    model = encoder_of(language_model, Attention.BIDIRECTIONAL if why == "both ways" else Attention.CAUSAL)
    assert OPERATOR not in kinds(exported(model, tmp_path / "model.onnx", LONGEST))


def test_texts_may_be_shorter_than_that_of_the_tracer(tmp_path: Path) -> None:
    model = encoder_of(tiny_architecture("llama", VOCABULARY, head_size=HEAD_SIZE), Attention.CAUSAL)
    assert OPERATOR in kinds(exported(model, tmp_path / "model.onnx", 4))
    assert Graph.open(tmp_path / "model.onnx").run([[0, 5, 6, 7]], Role.QUERY).gates.shape == (1, 4)


@pytest.mark.parametrize("precision", [each for each in Precision if each is not Precision.INT8_STATIC])
def test_such_a_graph_can_be_quantized(precision: Precision, tmp_path: Path) -> None:
    model = encoder_of(tiny_architecture("llama", VOCABULARY, head_size=HEAD_SIZE), Attention.CAUSAL)
    model.keep(VOCABULARY, VOCABULARY)
    exported(model, tmp_path / "model.onnx", LONGEST)
    quantize_graph(tmp_path / "model.onnx", tmp_path / "small.onnx", QuantizeOptions(precision))
    assert OPERATOR in kinds(onnx.load(tmp_path / "small.onnx"))
    text = [[0, *range(3, 20)]]
    exact, found = (Graph.open(tmp_path / name).run(text, Role.DOCUMENT) for name in ("model.onnx", "small.onnx"))
    vectors = np.zeros((2, VOCABULARY))
    for row, output in zip(vectors, (exact, found), strict=True):
        row[output.term_ids[0]] = output.weights[0]
    assert vectors[0] @ vectors[1] > 0.9 * np.linalg.norm(vectors[0]) * np.linalg.norm(vectors[1])
