"""The machine's own limit: the best speed of ONNX Runtime's int8 products for the shapes of a model.

For each product with weights the integer product alone is run, on tokens enough to keep all cores busy: one at a time
with all threads, and one for each core at the same time with a thread each, as lanes encode. The better way counts. The
time that all products take for a token is the least that an encoder with int8 products can need.
"""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from csplade.pipelines.cores import cores
from csplade.pipelines.folder import MODEL_FILE
from csplade.pipelines.quantize_products import products
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession, SessionOptions

_TOKENS = (128, 512, 2048)
_RUNS, _ROUNDS = 4, 4
"""Products of a lane in a row, so that its start costs little of them; and how often that is done."""


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
    fastest = {shape: min(least_seconds(shape, tokens) / tokens for tokens in _TOKENS) for shape in set(shapes)}
    return Limit(float(sum(2 * rows * columns for rows, columns in shapes)), sum(fastest[shape] for shape in shapes))


def least_seconds(shape: tuple[int, ...], tokens: int) -> float:
    """Return the least seconds of one product on all cores: (tokens, rows) uint8 by (rows, columns) int8."""
    return min(_seconds(shape, tokens, lanes) / lanes for lanes in sorted({1, cores()}))


def _seconds(shape: tuple[int, ...], tokens: int, lanes: int) -> float:
    """Return the least seconds in which each lane does a product; one lane has all threads, several have one each."""
    chance = np.random.default_rng(0)
    weight = chance.integers(-127, 128, shape, dtype=np.int8)
    options = SessionOptions()
    options.intra_op_num_threads = 1 if lanes > 1 else cores()
    session = InferenceSession(_graph(weight), options, providers=["CPUExecutionProvider"])
    given = {"x": chance.integers(0, 256, (tokens, shape[0]), dtype=np.uint8)}

    def in_a_row(_lane: int) -> None:
        for _ in range(_RUNS):
            session.run(None, given)

    best = float("inf")
    with ThreadPoolExecutor(lanes) as pool:
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            list(pool.map(in_a_row, range(lanes)))
            best = min(best, (time.perf_counter() - began) / _RUNS)
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
