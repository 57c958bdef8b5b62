"""Loading a graph: what is refused, which runtime is asked for, and what it really runs on."""

import dataclasses
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from csplade.pipelines import runtime
from csplade.pipelines.contract import read_contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.encode_options import Device, EncodeOptions
from csplade.pipelines.errors import EncoderError, MissingExtraError, UsageError
from csplade.pipelines.graph import Graph, Role, padded_batch
from csplade.pipelines.onnx_header import Header, read_header
from csplade.pipelines.quantize import QuantizeOptions
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.runtime import require_runtime, usable_device
from csplade.tests.tiny_encoder import write_tiny_encoder
from onnx import ModelProto, TensorProto, helper

_INPUTS = {"input_ids": ["batch", "length"], "attention_mask": ["batch", "length"], "role": []}


def small_graph(vocabulary: int = 4, gates: str = "gates") -> ModelProto:
    """Return a graph with csplade's inputs and outputs, whose gates are looked up in a table of so many rows."""
    table = onnx.numpy_helper.from_array(np.arange(vocabulary, dtype=np.float32), "table")
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], [gates]),
        helper.make_node("Identity", ["input_ids"], ["term_ids"]),
        helper.make_node("Cast", ["attention_mask"], ["weights"], to=TensorProto.FLOAT),
        helper.make_node("Identity", ["role"], ["unused"]),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name, axes in _INPUTS.items()]
    kinds = {"term_ids": TensorProto.INT64, "weights": TensorProto.FLOAT, gates: TensorProto.FLOAT}
    outputs = [helper.make_tensor_value_info(name, kind, ["batch", "length"]) for name, kind in kinds.items()]
    graph = helper.make_graph(nodes, "small", inputs, outputs, [table])
    opsets = [helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    onnx.save(small_graph(), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_batches_are_padded_on_the_right() -> None:
    ids, mask = padded_batch([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert {ids.dtype, mask.dtype} == {np.dtype(np.int64)}


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(EncoderError, match=r"model\.onnx cannot be loaded .*copy the encoder folder again"):
        Graph.open(path)


def test_the_header_is_what_onnx_reads(path: Path, tmp_path: Path) -> None:
    assert read_header(path) == Header(ir_version=8, opset=18)
    (tmp_path / "none").write_bytes(b"\xff\xff no graph")
    assert read_header(tmp_path / "none") is None and read_header(tmp_path / "nowhere") is None
    (tmp_path / "cut").write_bytes(path.read_bytes()[:1])
    assert read_header(tmp_path / "cut") is None


@pytest.mark.parametrize(
    ("opset", "version", "told"),
    [
        (99, 8, r"ONNX's opset 99, .* none above \d+: upgrade"),
        (18, 99, r"ONNX's IR version 99, .* none above \d+: upg"),
    ],
)
def test_a_graph_that_is_too_new_is_told_with_its_version(path: Path, opset: int, version: int, told: str) -> None:
    model = onnx.load(path)
    model.ir_version = version
    model.opset_import[1].version = opset
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EncoderError, match=told) as raised:
        Graph.open(path)
    said = str(raised.value)
    assert "--opset" in said and "onnxruntime_src" not in said and "\n" not in said


def test_another_opset_than_the_contract_says_is_refused(path: Path) -> None:
    Graph.open(path, opset=18)
    with pytest.raises(EncoderError, match=r"opset 18, and the contract says 17: copy or export"):
        Graph.open(path, opset=17)


def test_a_graph_with_other_names_is_refused(path: Path) -> None:
    onnx.save(small_graph(gates="logits"), path)
    with pytest.raises(EncoderError, match="no graph of csplade's") as raised:
        Graph.open(path)
    assert "gives term_ids, weights, logits, not input_ids" in str(raised.value)


def test_what_the_runtime_cannot_run_is_told_in_a_sentence(path: Path) -> None:
    graph = Graph.open(path)
    assert graph.run([[1, 3]], Role.QUERY).gates.tolist() == [[1, 3]]
    with pytest.raises(
        EncoderError, match=r"model\.onnx failed on 2 texts of at most 3 tokens .*inspect .* --check"
    ) as it:
        graph.run([[1, 2, 4], [1]], Role.DOCUMENT)
    assert "\n" not in str(it.value) and "indices" in str(it.value)


@pytest.fixture
def built_with_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the runtime say that it was built with CUDA; that it begins without is its own doing."""
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("the runtime here has CUDA, which might begin")
    told = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: told)


@pytest.mark.usefixtures("built_with_cuda")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_gpu_that_does_not_begin_is_told_where_it_was_asked_for(path: Path) -> None:
    with pytest.raises(UsageError, match="a GPU was asked for, and onnxruntime could not begin with CUDA"):
        Graph.open(path, device=Device.CUDA)
    assert Graph.open(path).providers == ["CPUExecutionProvider"]


@pytest.mark.usefixtures("built_with_cuda")
def test_the_device_is_what_a_session_begins_with(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_device() is Device.CPU

    class Begun:
        def __init__(self, *_: object, providers: list[str], **__: object) -> None:
            self.get_providers = lambda: providers

    monkeypatch.setattr(onnxruntime, "InferenceSession", Begun)
    assert usable_device() is usable_device("fp16") is Device.CUDA
    assert usable_device(QuantizeOptions(Precision.INT8).said) is Device.CPU


@pytest.mark.model
@pytest.mark.usefixtures("built_with_cuda")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_an_encoder_with_rounded_activations_begins_on_the_processor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_tiny_encoder(tmp_path)
    wanted: list[list[str]] = []
    real = onnxruntime.InferenceSession

    def note(*arguments: object, providers: list[str]) -> onnxruntime.InferenceSession:
        wanted.append(providers)
        return real(*arguments, providers=["CPUExecutionProvider"])

    def begun_with(precision: Precision, device: Device | None = None) -> str:
        dataclasses.replace(read_contract(tmp_path), quantization=QuantizeOptions(precision).said).write(tmp_path)
        Encoder.open(tmp_path, EncodeOptions(device=device))
        return wanted[-1][0].removesuffix("ExecutionProvider")

    monkeypatch.setattr(onnxruntime, "InferenceSession", note)
    assert begun_with(Precision.INT8) == begun_with(Precision.INT8_STATIC) == "CPU"
    assert begun_with(Precision.FP16) == begun_with(Precision.INT8_WEIGHTS) == "CUDA"
    # The session here goes on without it, which is told where it was asked for.
    with pytest.raises(UsageError, match="could not begin with CUDA"):
        begun_with(Precision.INT8, Device.CUDA)
    assert wanted[-1][0] == "CUDAExecutionProvider"


@pytest.mark.parametrize(
    ("installed", "error", "told"),
    [
        ((), MissingExtraError, r"pip install 'csplade\[cpu\]'"),
        (("onnxruntime", "onnxruntime-gpu"), UsageError, "both installed"),
    ],
)
def test_none_or_two_runtimes_are_told(
    monkeypatch: pytest.MonkeyPatch, installed: tuple[str, ...], error: type[Exception], told: str
) -> None:
    def distribution(name: str) -> object:
        if name not in installed:
            raise PackageNotFoundError(name)
        return object()

    monkeypatch.setattr(runtime, "distribution", distribution)
    with pytest.raises(error, match=told):
        require_runtime()


def test_the_runtime_that_is_here_is_accepted() -> None:
    require_runtime()
