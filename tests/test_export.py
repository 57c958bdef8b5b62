"""The export as Optimum's own users find it: by its registry, with its functions."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.export import MODEL_TYPE, TASK, SparseEncoderOnnxConfig
from csplade.pipelines.graph import Graph, Role
from csplade.pipelines.torch_graph import TorchGraph
from csplade.pipelines.trained_folder import write_trained
from csplade.tests.tiny_architectures import tiny_architecture
from csplade.tests.tiny_graphs import HEAD_SIZE, LONGEST, VOCABULARY, check_same, encoder_of
from csplade.tests.tiny_trained import tiny_trained
from optimum.exporters.onnx.convert import export_pytorch
from optimum.exporters.tasks import TasksManager

pytestmark = pytest.mark.model

PAGE = Path(__file__).parent.parent / "docs" / "encoding.md"


# What torch's tracer warns of is looked at by comparing vectors.
@pytest.mark.filterwarnings("ignore")
def test_the_page_exports_a_graph_that_says_what_the_model_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", PAGE.read_text().partition("## Through Optimum")[2], re.DOTALL)[:1]
    trained = tiny_trained()
    write_trained(tmp_path / "runs" / "first" / "model", trained)
    monkeypatch.chdir(tmp_path)
    exec(compile(shown, str(PAGE), "exec"), {})
    ids = [trained.tokenizer.encode(text).ids for text in ("fresh bread", "the pump failed when it was stuck")]
    found, wanted = (each.run(ids, Role.QUERY) for each in (Graph.open(Path("model.onnx")), TorchGraph(trained.model)))
    assert wanted.weights.max() > 0.1
    np.testing.assert_allclose(found.weights, wanted.weights, atol=1e-4)
    np.testing.assert_array_equal(found.term_ids, wanted.term_ids)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("chosen", "operators"), [({}, 0), ({"fused_tokens": LONGEST}, 2)])
def test_optimum_writes_attention_as_it_is_asked_to_and_leaves_the_model_as_it_was(
    chosen: dict[str, int], operators: int, tmp_path: Path
) -> None:
    assert TASK in TasksManager.get_supported_tasks_for_model_type(MODEL_TYPE, "onnx", library_name="transformers")
    constructor = TasksManager.get_exporter_config_constructor(
        "onnx", model_type=MODEL_TYPE, task=TASK, library_name="transformers", exporter_config_kwargs=chosen
    )
    model = encoder_of(tiny_architecture("llama", VOCABULARY, head_size=HEAD_SIZE), Attention.ECHO)
    config = constructor(model.config)
    assert isinstance(config, SparseEncoderOnnxConfig)
    before = [type(layer.self_attn) for layer in model.backbone.layers]
    names = export_pytorch(model, config, 18, tmp_path / "model.onnx")
    assert names == (["input_ids", "attention_mask", "role"], ["term_ids", "weights", "gates"])
    assert [type(layer.self_attn) for layer in model.backbone.layers] == before
    nodes = onnx.load(tmp_path / "model.onnx").graph.node
    assert sum(node.op_type == "GroupQueryAttention" for node in nodes) == operators
    check_same(model, tmp_path / "model.onnx")
