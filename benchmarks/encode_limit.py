"""The machine's own limit: the best speed of ONNX Runtime's int8 products for the shapes of a model.

For each product with weights the integer product alone is run, on tokens enough to keep all cores busy. The time that
all of them take for a token is the least that an encoder with int8 products can need.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from csplade.pipelines.folder import MODEL_FILE
from csplade.pipelines.quantize_products import products
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

_TOKENS = (128, 512, 2048)
_RUNS = 12


@dataclass(frozen=True)
class Limit:
    """What the products need."""

    operations: float
    """Multiplications and additions of all products, for one token."""
    seconds: float
    """Their least time, for one token."""

    def rows(self, documents: Mapping[str, Mapping[str, float]]) -> list[tuple[str, str]]:
        """Return GOP/s of the products alone, and what each way reaches at its best length."""
        alone = self.operations / self.seconds / 1e9
        table = [("products alone, all cores", f"{alone:.0f}")]
        for name, speeds in documents.items():
            reached = max(int(tokens) * speed for tokens, speed in speeds.items()) * self.operations / 1e9
            table.append((name, f"{reached:.0f} ({reached / alone:.0%})"))
        return table


def measure_limit(folder: Path) -> Limit:
    """Measure the shapes of an encoder's float graph."""
    shapes = [each.weight.shape for each in products(onnx.load(folder / MODEL_FILE))]
    fastest = {shape: min(_seconds(shape, tokens) / tokens for tokens in _TOKENS) for shape in set(shapes)}
    return Limit(float(sum(2 * rows * columns for rows, columns in shapes)), sum(fastest[shape] for shape in shapes))


def _seconds(shape: tuple[int, ...], tokens: int) -> float:
    """Return the least seconds of one product: (tokens, rows) uint8 by (rows, columns) int8."""
    chance = np.random.default_rng(0)
    weight = chance.integers(-127, 128, shape, dtype=np.int8)
    session = InferenceSession(_graph(weight), providers=["CPUExecutionProvider"])
    given = {"x": chance.integers(0, 256, (tokens, shape[0]), dtype=np.uint8)}
    best = float("inf")
    for _ in range(_RUNS):
        began = time.perf_counter()
        session.run(None, given)
        best = min(best, time.perf_counter() - began)
    return best


def _graph(weight: np.ndarray[tuple[int, ...], np.dtype[np.int8]]) -> bytes:
    constants = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.array(128, np.uint8), "zero")]
    node = helper.make_node("MatMulInteger", ["x", "w", "zero"], ["y"])
    taken = helper.make_tensor_value_info("x", TensorProto.UINT8, ["tokens", weight.shape[0]])
    given = helper.make_tensor_value_info("y", TensorProto.INT32, ["tokens", weight.shape[1]])
    graph = helper.make_graph([node], "product", [taken], [given], constants)
    model: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    ).SerializeToString()
    return model
