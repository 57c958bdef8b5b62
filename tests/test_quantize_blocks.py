"""Blocks of 4 and 8 bits, against the definition of MatMulNBits and the runtime."""

import numpy as np
import pytest
from csplade.pipelines.quantize_blocks import BLOCK, packed_blocks
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray


def _unpacked(packed: NDArray[np.uint8], scales: NDArray[np.float32], rows: int, bits: int) -> NDArray[np.float64]:
    """Restore (rows, columns), number by number."""
    columns, blocks, _ = packed.shape
    restored = np.zeros((rows, columns))
    for column in range(columns):
        for row in range(rows):
            block, place = divmod(row, BLOCK)
            byte = int(packed[column, block, place // 2 if bits == 4 else place])
            code = (byte >> 4 if place % 2 else byte & 15) if bits == 4 else byte
            restored[row, column] = (code - 2 ** (bits - 1)) * float(scales[column * blocks + block])
    return restored


@given(st.integers(1, 70), st.integers(1, 4), st.sampled_from([4, 8]), st.integers(0, 1000))
def test_what_is_restored_is_at_most_one_step_away(rows: int, columns: int, bits: int, seed: int) -> None:
    weight = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    packed, scales = packed_blocks(weight, bits)
    assert packed.shape == (columns, -(-rows // BLOCK), BLOCK * bits // 8)
    restored = _unpacked(packed, scales, rows, bits)
    steps = scales.reshape(columns, -1).T.repeat(BLOCK, axis=0)[:rows].astype(np.float64)
    # Half a step; a whole one at the end that has no code, opposite to the largest number.
    beyond = weight / steps > 2 ** (bits - 1) - 1
    assert (np.abs(restored - weight) <= np.abs(steps) * np.where(beyond, 1.001, 0.501)).all()


def test_zeros_stay_zeros() -> None:
    packed, scales = packed_blocks(np.zeros((40, 2), dtype=np.float32), 4)
    assert not scales.any() and not _unpacked(packed, scales, 40, 4).any()


@pytest.mark.parametrize("bits", [4, 8])
def test_the_runtime_reads_blocks_like_this(bits: int) -> None:
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    chance = np.random.default_rng(1)
    weight, x = (chance.standard_normal(shape).astype(np.float32) for shape in ((64, 8), (3, 64)))
    packed, scales = packed_blocks(weight, bits)
    node = helper.make_node(
        "MatMulNBits", ["x", "b", "s"], ["y"], domain="com.microsoft", K=64, N=8, bits=bits, block_size=BLOCK
    )
    values = [helper.make_tensor_value_info(name, 1, None) for name in ("x", "y")]
    graph = helper.make_graph(
        [node],
        "g",
        values[:1],
        values[1:],
        [numpy_helper.from_array(packed, "b"), numpy_helper.from_array(scales, "s")],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"x": x})[0], x @ _unpacked(packed, scales, 64, bits), atol=1e-4)
