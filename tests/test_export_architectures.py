"""Graphs of every architecture say what its model says, however texts are read."""

from pathlib import Path

import pytest
from csplade.pipelines.attention_kinds import Attention
from csplade.tests.tiny_architectures import tiny_architecture
from csplade.tests.tiny_graphs import HEAD_SIZE, LONGEST, VOCABULARY, check_same, encoder_of, exported

pytestmark = pytest.mark.model

KINDS = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text")


@pytest.mark.parametrize("attention", list(Attention))
@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_of_an_architecture_says_what_its_model_says(kind: str, attention: Attention, tmp_path: Path) -> None:
    model = encoder_of(tiny_architecture(kind, VOCABULARY, head_size=HEAD_SIZE), attention)
    exported(model, tmp_path / "model.onnx", LONGEST)
    check_same(model, tmp_path / "model.onnx")
