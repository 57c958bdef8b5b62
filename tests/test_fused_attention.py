"""The operator that attends in exported graphs gives what the layers of transformers give."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.export import export_graph
from csplade.pipelines.fold import Fold
from csplade.pipelines.graph import Graph, Role
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from csplade.pipelines.quantize import QuantizeOptions, quantize_graph
from csplade.pipelines.quantize_kinds import Precision
from csplade.tests.tiny_architectures import tiny_architecture
from onnx import ModelProto
from transformers import PreTrainedModel

pytestmark = pytest.mark.model

VOCABULARY, TERMS, LONGEST, HEAD_SIZE = 120, 30, 24, 16
OPERATOR = "GroupQueryAttention"


def encoder_of(language_model: PreTrainedModel, attention: Attention) -> SparseEncoderModel:
    """Return an encoder with every piece a term, whose head and gates are alive."""
    pieces = torch.arange(VOCABULARY).numpy()
    fold = Fold(pieces, tuple(f"t{piece}" for piece in pieces), pieces[:, None])
    options = HeadOptions(bos_id=0, document_terms=TERMS, query_terms=TERMS, attention=attention)
    model = SparseEncoderModel(
        language_model.model, torch.randn(VOCABULARY, language_model.config.hidden_size), fold, options
    )
    with torch.no_grad():
        model.gate.weight.normal_(0, 0.2)
        for name, weight in model.backbone.named_parameters():
            if name.endswith("bias"):
                weight.normal_(0, 0.3)
    return model.eval()


def exported(model: SparseEncoderModel, path: Path, tokens: int | None) -> ModelProto:
    export_graph(model, path, fused_tokens=tokens)
    return onnx.load(path)


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
    chance = torch.Generator().manual_seed(1)
    texts = [[0, *torch.randint(1, VOCABULARY, (size - 1,), generator=chance).tolist()] for size in (1, LONGEST, 7)]
    found = Graph.open(tmp_path / "model.onnx").run(texts, Role.DOCUMENT)
    for row, text in enumerate(texts):
        ids = torch.tensor([text])
        with torch.inference_mode():
            wanted = model(ids, torch.ones_like(ids), torch.tensor(Role.DOCUMENT))
        weights = torch.zeros(VOCABULARY).scatter(
            0, torch.from_numpy(found.term_ids[row]), torch.from_numpy(found.weights[row])
        )
        exact = torch.zeros(VOCABULARY).scatter(0, wanted.term_ids[0], wanted.weights[0])
        torch.testing.assert_close(weights, exact, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(
            torch.from_numpy(found.gates[row, : len(text)]), wanted.gates[0], atol=1e-4, rtol=1e-4
        )


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
