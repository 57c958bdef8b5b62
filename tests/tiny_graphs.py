"""Exported graphs of tiny random encoders of any architecture, and whether one says what its model says."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.export import export_graph
from csplade.pipelines.fold import Fold
from csplade.pipelines.graph import Graph, Role
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from onnx import ModelProto
from transformers import PreTrainedModel

VOCABULARY, TERMS, LONGEST, HEAD_SIZE = 120, 30, 24, 16


def encoder_of(language_model: PreTrainedModel, attention: Attention) -> SparseEncoderModel:
    """Return an encoder with every piece a term, whose head and gates are alive."""
    pieces = np.arange(VOCABULARY)
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
    """Write the model as a graph, for texts of so many tokens, and return it."""
    export_graph(model, path, fused_tokens=tokens)
    return onnx.load(path)


def check_same(model: SparseEncoderModel, path: Path, sizes: Sequence[int] = (1, LONGEST, 7)) -> None:
    """Check that the graph gives texts of these sizes, padded in one batch, what the model gives each alone."""
    chance = torch.Generator().manual_seed(1)
    texts = [[0, *torch.randint(1, VOCABULARY, (size - 1,), generator=chance).tolist()] for size in sizes]
    found = Graph.open(path).run(texts, Role.DOCUMENT)
    for row, text in enumerate(texts):
        ids = torch.tensor([text])
        with torch.inference_mode():
            wanted = model(ids, torch.ones_like(ids), torch.tensor(Role.DOCUMENT))
        weights = torch.zeros(VOCABULARY).scatter(
            0, torch.from_numpy(found.term_ids[row]), torch.from_numpy(found.weights[row])
        )
        exact = torch.zeros(VOCABULARY).scatter(0, wanted.term_ids[0], wanted.weights[0])
        torch.testing.assert_close(weights, exact, atol=1e-4, rtol=1e-4)
        gates = torch.from_numpy(found.gates[row, : len(text)])
        torch.testing.assert_close(gates, wanted.gates[0], atol=1e-4, rtol=1e-4)
        # Otherwise two vectors without terms would be the same.
        assert len(text) == 1 or exact.max() > 0.1
