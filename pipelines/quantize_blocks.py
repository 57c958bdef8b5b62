"""Weights of 4 or 8 bits in blocks of 32 rows, each with its own scale: ONNX Runtime's MatMulNBits.

The operator multiplies float activations; `accuracy_level` 4 lets the runtime round them to int8 in the same blocks,
which it does where the processor multiplies int8.
"""

import numpy as np
from csplade.pipelines.quantize_products import RUNTIME_DOMAIN, Pieces, Product
from numpy.typing import NDArray

BLOCK = 32
_INT8_ACTIVATIONS = 4


def block_product(product: Product, bits: int) -> Pieces:
    """Multiply with a weight of so many bits."""
    pieces = Pieces()
    packed, scales = packed_blocks(product.weight, bits)
    weight = pieces.constant(f"{product.name}.blocks", packed)
    factors = pieces.constant(f"{product.name}.scales", scales)
    rows, columns = product.weight.shape
    output = f"{product.name}.logits" if product.pooled else product.output
    pieces.node(
        "MatMulNBits",
        [product.activation, weight, factors],
        output,
        RUNTIME_DOMAIN,
        K=rows,
        N=columns,
        bits=bits,
        block_size=BLOCK,
        accuracy_level=_INT8_ACTIVATIONS,
    )
    if product.pooled:
        pieces.maximum(product, output, (1,), product.output, keepdims=False)
    return pieces


def packed_blocks(weight: NDArray[np.float32], bits: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return blocks (columns, blocks, bytes) and scales (columns * blocks,) of a weight (rows, columns).

    A number is (unsigned - 2^(bits-1)) * scale; of two numbers of 4 bits the first is in the lower half of a byte.
    """
    rows, columns = weight.shape
    blocks = -(-rows // BLOCK)
    padded = np.zeros((columns, blocks * BLOCK), dtype=np.float32)
    padded[:, :rows] = weight.T
    grouped = padded.reshape(columns, blocks, BLOCK)
    middle = 2 ** (bits - 1)
    extreme = np.take_along_axis(grouped, np.abs(grouped).argmax(axis=2, keepdims=True), axis=2)
    # The largest number of a block becomes the lowest code, of which there is one more than of positive ones.
    scales = extreme / np.float32(-middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        codes = np.where(scales == 0, 0, grouped / scales)
    unsigned = np.clip(np.rint(codes) + middle, 0, 2 * middle - 1).astype(np.uint8)
    if bits == 4:
        unsigned = unsigned[:, :, 0::2] | (unsigned[:, :, 1::2] << 4)
    return unsigned, scales[:, :, 0].astype(np.float32).reshape(-1)
