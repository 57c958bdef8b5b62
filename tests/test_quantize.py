"""The int8 graph: smaller, near the exact one, and the same whatever else is in the batch."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from csplade.pipelines.folder import MODEL_FILE
from csplade.pipelines.graph import Graph, Role
from csplade.pipelines.quantize import products_of_activations, quantize_int8
from csplade.tests.tiny_encoder import write_tiny_encoder

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_encoder(folder)
    quantize_int8(folder / MODEL_FILE, folder / "int8.onnx")
    return folder


def test_every_weight_matrix_is_int8(folder: Path) -> None:
    graph = onnx.load(folder / "int8.onnx").graph
    floats = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    # The largest matrices of the tiny model have 19,200 (embedding) and 1,536 (feed forward) numbers.
    assert max(np.prod(tensor.dims) for tensor in floats) < 1000
    assert "MatMulInteger" not in {node.op_type for node in graph.node}
    assert (folder / "int8.onnx").stat().st_size < (folder / MODEL_FILE).stat().st_size


def test_the_int8_graph_is_near_the_exact_one(folder: Path) -> None:
    ids = [[0, *range(300, 312)], [0, *range(400, 405)]]
    exact, rounded = (Graph.open(folder / name).run(ids, Role.DOCUMENT) for name in (MODEL_FILE, "int8.onnx"))
    assert np.abs(exact.gates[0] - rounded.gates[0]).max() < 0.1 * exact.gates[0].max()
    for row in range(2):
        wanted, found = (
            dict(zip(output.term_ids[row].tolist(), output.weights[row].tolist(), strict=True))
            for output in (exact, rounded)
        )
        shared = wanted.keys() & found.keys()
        assert len(shared) >= 0.8 * len(wanted)
        assert max(abs(wanted[term] - found[term]) for term in shared) < 0.1 * max(wanted.values())


def test_a_text_has_the_same_vector_alone_and_in_a_batch(folder: Path) -> None:
    graph, ids = Graph.open(folder / "int8.onnx"), [[0, *range(300, 312)], [0, *range(400, 405)]]
    (alone, together) = graph.run(ids[1:], Role.DOCUMENT), graph.run(ids, Role.DOCUMENT)
    np.testing.assert_allclose(alone.weights[0], together.weights[1], rtol=1e-4)
    np.testing.assert_allclose(alone.gates[0], together.gates[1, :6], rtol=1e-4)


def test_products_of_activations_stay_as_they_are(folder: Path) -> None:
    exact, rounded = (onnx.load(folder / name).graph for name in (MODEL_FILE, "int8.onnx"))
    names = products_of_activations(exact)
    # Queries with keys and weights with values of two layers, and the angles of the rotary positions.
    assert len(names) == 5
    assert set(names) <= {node.name for node in rounded.node if node.op_type == "MatMul"}
