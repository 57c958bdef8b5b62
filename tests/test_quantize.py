"""Graphs of other precisions: smaller, near the exact one, and what each promises of batches."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from csplade.pipelines.encode_processor import read_processor
from csplade.pipelines.errors import UsageError
from csplade.pipelines.export import export_graph
from csplade.pipelines.fold import fold_vocabulary
from csplade.pipelines.folder import MODEL_FILE
from csplade.pipelines.graph import Graph, GraphOutput, Role
from csplade.pipelines.quantize import QuantizeOptions, quantize_graph
from csplade.pipelines.quantize_kinds import Precision, Target, needs_wide_sums
from csplade.pipelines.quantize_products import own_opset, products, save_graph, weight_bytes
from csplade.pipelines.quantize_static import WatchedGraph
from csplade.tests.tiny_encoder import tiny_model, tiny_tokenizer, write_tiny_encoder
from numpy.typing import NDArray

pytestmark = pytest.mark.model

_IDS = [[0, *range(300, 312)], [0, *range(400, 405)]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_encoder(folder)
    watched = WatchedGraph(folder / MODEL_FILE)
    watched.run(_IDS, Role.DOCUMENT)
    for precision in Precision:
        options = QuantizeOptions(precision, ranges=watched.ranges)
        quantize_graph(folder / MODEL_FILE, folder / f"{precision}.onnx", options)
    return folder


def _run(path: Path, ids: list[list[int]] = _IDS) -> GraphOutput:
    return Graph.open(path).run(ids, Role.DOCUMENT)


def _weight_bytes(path: Path) -> int:
    return sum(onnx.numpy_helper.to_array(each).nbytes for each in onnx.load(path).graph.initializer)


@pytest.mark.parametrize("precision", list(Precision))
def test_a_graph_of_another_precision_is_smaller_and_near_the_exact_one(folder: Path, precision: Precision) -> None:
    exact, rounded = (_run(folder / name) for name in (MODEL_FILE, f"{precision}.onnx"))
    # Four bits are hard on a random model that is 32 wide.
    share, apart = (0.4, 0.5) if precision is Precision.INT4 else (0.7, 0.2)
    assert _weight_bytes(folder / f"{precision}.onnx") < 0.6 * _weight_bytes(folder / MODEL_FILE)
    assert 0 < np.abs(exact.gates[0] - rounded.gates[0]).max() < apart * exact.gates[0].max()
    for row in range(2):
        wanted, found = (
            dict(zip(output.term_ids[row].tolist(), output.weights[row].tolist(), strict=True))
            for output in (exact, rounded)
        )
        shared = wanted.keys() & found.keys()
        assert len(shared) >= share * len(wanted)
        assert max(abs(wanted[term] - found[term]) for term in shared) < apart * max(wanted.values())


@pytest.fixture(scope="module", params=[17, 20])
def of_opset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the float graph of an opset before ReduceMax took its axes as an input, and of a late one."""
    path = tmp_path_factory.mktemp(f"opset-{request.param}") / MODEL_FILE
    tokenizer = tiny_tokenizer()
    export_graph(tiny_model(tokenizer, fold_vocabulary(tokenizer, "english")), path, request.param)
    assert own_opset(onnx.load(path)) == request.param
    return path


@pytest.mark.parametrize("precision", list(Precision))
def test_every_precision_is_written_in_the_opset_of_the_graph(
    folder: Path, of_opset: Path, tmp_path: Path, precision: Precision
) -> None:
    opset = own_opset(onnx.load(of_opset))
    watched = WatchedGraph(of_opset)
    watched.run(_IDS, Role.DOCUMENT)
    quantize_graph(of_opset, tmp_path / MODEL_FILE, QuantizeOptions(precision, ranges=watched.ranges))
    found = Graph.open(tmp_path / MODEL_FILE, opset=opset).run(_IDS, Role.DOCUMENT)
    wanted = _run(folder / f"{precision}.onnx")
    np.testing.assert_allclose(found.gates[0], wanted.gates[0], rtol=0.02)
    np.testing.assert_allclose(found.weights, wanted.weights, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT8_WEIGHTS, Precision.INT8_STATIC])
def test_every_wide_matrix_is_int8(folder: Path, precision: Precision) -> None:
    graph = onnx.load(folder / f"{precision}.onnx").graph
    floats = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    # The largest matrices of the tiny model have 19,200 (embedding) and 1,536 (feed forward) numbers.
    assert max(np.prod(tensor.dims) for tensor in floats) < 1000


@pytest.mark.parametrize("precision", [each for each in Precision if each not in (Precision.OPTIMUM, Precision.FP16)])
def test_a_text_has_the_same_vector_alone_and_in_a_batch(folder: Path, precision: Precision) -> None:
    path = folder / f"{precision}.onnx"
    alone, together = _run(path, _IDS[1:]), _run(path)
    np.testing.assert_allclose(alone.weights[0], together.weights[1], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(alone.gates[0], together.gates[1, :6], rtol=1e-3)


def test_a_scale_for_each_token_is_that_of_the_formula(folder: Path) -> None:
    """By NumPy: round(x 127 / |x|_max) round(w / s), summed, times s |x|_max / 127; the largest w has 63 of 7 bits."""
    exact = onnx.load(folder / MODEL_FILE)
    product = next(each for each in products(exact) if "down_proj" in each.name)
    before, output = product.activation, product.output
    graphs = {}
    for name in (MODEL_FILE, "int8.onnx"):
        model = onnx.load(folder / name)
        model.graph.output.extend(
            onnx.helper.make_tensor_value_info(each, onnx.TensorProto.FLOAT, None) for each in (before, output)
        )
        graphs[name] = _all_outputs(model)
    x, found = graphs["int8.onnx"][before], graphs["int8.onnx"][output]
    scales = np.abs(product.weight).max(axis=0) / 63
    sizes = np.abs(x).max(axis=-1, keepdims=True)
    expected = (np.rint(x / sizes * 127) @ np.rint(product.weight / scales)) * scales * sizes / 127
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert np.abs(found - graphs[MODEL_FILE][output]).max() > 1e-5


def _all_outputs(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    ids = np.array(_IDS[:1])
    names = [each.name for each in session.get_outputs()]
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "role": np.array(0)}
    return dict(zip(names, session.run(names, feeds), strict=True))


def test_products_of_activations_and_gates_stay_as_they_are(folder: Path) -> None:
    exact, rounded = (onnx.load(folder / name).graph for name in (MODEL_FILE, "int8.onnx"))
    replaced = {each.name for each in products(onnx.load(folder / MODEL_FILE))}
    kept = {node.name for node in exact.node if node.op_type == "MatMul"} - replaced
    # Queries with keys and weights with values of two layers, the angles of the rotary positions, the gates.
    assert len(kept) == 6
    assert kept == {node.name for node in rounded.node if node.op_type == "MatMul"}


def test_without_vnni_weights_have_seven_bits(folder: Path, tmp_path: Path) -> None:
    largest = {}
    for target in (Target.AVX2, Target.VNNI, Target.ARM64):
        options = QuantizeOptions(Precision.INT8, target)
        quantize_graph(folder / MODEL_FILE, tmp_path / MODEL_FILE, options)
        tensors = {each.name: each for each in onnx.load(tmp_path / MODEL_FILE).graph.initializer}
        weights = [
            onnx.numpy_helper.to_array(each) for name, each in tensors.items() if name.endswith("proj/MatMul.weight")
        ]
        largest[target] = max(int(np.abs(each).max()) for each in weights)
    assert largest == {Target.AVX2: 63, Target.VNNI: 127, Target.ARM64: 127}
    assert (
        QuantizeOptions(Precision.INT8, Target.AVX2).said
        == "int8 weights of 7 bits per channel, int8 activations per token"
    )


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.OPTIMUM])
@pytest.mark.parametrize("target", list(Target))
def test_every_target_opens_and_is_near_the_exact_graph(
    folder: Path, tmp_path: Path, target: Target, precision: Precision
) -> None:
    processor, options = read_processor(), QuantizeOptions(precision, target)
    quantize_graph(folder / MODEL_FILE, tmp_path / MODEL_FILE, options)
    exact, rounded = _run(folder / MODEL_FILE), _run(tmp_path / MODEL_FILE)
    if processor is not None and processor.sums_overflow and needs_wide_sums(options.said):
        pytest.skip(f"it opens, but sums of 8 bits overflow on this processor: {processor}")
    assert 0 < np.abs(exact.gates[0] - rounded.gates[0]).max() < 0.2 * exact.gates[0].max()
    assert 0 < np.abs(exact.weights - rounded.weights).max() < 0.2 * exact.weights.max()


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT8_STATIC])
def test_products_that_are_told_keep_float_activations(folder: Path, tmp_path: Path, precision: Precision) -> None:
    found = products(onnx.load(folder / MODEL_FILE))
    kept = frozenset({found[0].name})
    ranges = {each.activation: (-4.0, 4.0) for each in found}
    options = QuantizeOptions(precision, ranges=ranges, kept=kept)
    quantize_graph(folder / MODEL_FILE, tmp_path / MODEL_FILE, options)
    nodes = onnx.load(tmp_path / MODEL_FILE).graph.node
    assert [node.output[0] for node in nodes if node.op_type == "MatMul" and node.input[1].endswith(".restored")] == [
        found[0].output
    ]
    assert "1 products with float ones" in options.said


def test_a_graph_without_float_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no float32 weights to quantize"):
        quantize_graph(folder / "int8.onnx", tmp_path / MODEL_FILE, QuantizeOptions(Precision.INT8))


def test_a_graph_too_large_for_its_own_file_has_its_weights_beside_it(folder: Path, tmp_path: Path) -> None:
    save_graph(onnx.load(folder / "int8.onnx"), tmp_path / MODEL_FILE, largest_file=10_000)
    assert (tmp_path / f"{MODEL_FILE}_data").stat().st_size > 10_000
    one, apart = _run(folder / "int8.onnx"), _run(tmp_path / MODEL_FILE)
    np.testing.assert_array_equal(one.weights, apart.weights)


@pytest.mark.parametrize("precision", list(Precision))
def test_weights_that_lie_beside_a_graph_are_quantized_like_those_inside(
    folder: Path, tmp_path: Path, precision: Precision
) -> None:
    apart = tmp_path / "apart" / MODEL_FILE
    apart.parent.mkdir()
    save_graph(onnx.load(folder / MODEL_FILE), apart, largest_file=10_000)
    watched = WatchedGraph(apart)
    watched.run(_IDS, Role.DOCUMENT)
    quantize_graph(apart, tmp_path / MODEL_FILE, QuantizeOptions(precision, ranges=watched.ranges))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [MODEL_FILE]
    one, other = _run(folder / f"{precision}.onnx"), _run(tmp_path / MODEL_FILE)
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-5, atol=1e-6)


def test_weights_are_counted_wherever_they_are_kept(folder: Path) -> None:
    model = onnx.load(folder / "int8.onnx")
    assert weight_bytes(model) == sum(onnx.numpy_helper.to_array(each).nbytes for each in model.graph.initializer)


def test_a_processor_decides_the_bits_of_those_formats_alone_that_have_a_target() -> None:
    for precision in Precision:
        said = {QuantizeOptions(precision, target).said for target in Target}
        assert len(said) == (2 if precision.has_target else 1), precision
