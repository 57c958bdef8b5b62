"""Products with int8 weights, one scale per output channel; what is done with activations is the choice.

    float    the weights are dequantized when the graph is loaded: a quarter of the size, nothing faster
    token    each token's activation has a scale of its own, |x|_max / 127
    static   one scale per activation tensor, from ranges that were seen on a calibration set

Language models have activations hundreds of times larger than their neighbours, at BOS and at commas: with one scale
for a whole tensor little is left of the other tokens. With one scale for each token such a token only rounds itself,
and as sums of integers are exact, a vector does not depend on what else is in the batch.

The head is pooled over positions. There one scale holds for all tokens of a text, so that the maximum is taken of
integers, and only what is left of it is scaled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from csplade.pipelines.quantize_products import RUNTIME_DOMAIN, Lookup, Pieces, Product
from numpy.typing import NDArray

_ZERO = np.uint8(128)
"""Zero point of activations: processors multiply uint8 by int8."""
_LARGEST = 127
_LEAST = np.float32(1e-20)
"""Smallest scale: an activation of zeros alone must not be divided by 0."""
_LAST, _POSITIONS, _POSITIONS_AND_LAST = (-1,), (1,), (1, 2)


@dataclass(frozen=True)
class Int8Weights:
    """Rounded weights."""

    rounded: NDArray[np.int8]
    """(rows, columns)"""
    scales: NDArray[np.float32]
    """(columns,)"""


def rounded_columns(weight: NDArray[np.float32], bits: int = 8) -> Int8Weights:
    """Round each column to its own scale; with 7 bits sums of pairs fit into 16 bits, which AVX2 needs."""
    largest = 2 ** (bits - 1) - 1
    scales = np.maximum(np.abs(weight).max(axis=0), _LEAST) / np.float32(largest)
    return Int8Weights(np.rint(weight / scales).astype(np.int8), scales.astype(np.float32))


def float_product(product: Product, weights: Int8Weights) -> Pieces:
    """Multiply the activation with the dequantized weight."""
    pieces = Pieces()
    weight = pieces.constant(f"{product.name}.weight", weights.rounded)
    scales = pieces.constant(f"{product.name}.scales", weights.scales)
    restored = pieces.node("DequantizeLinear", [weight, scales], f"{product.name}.restored", axis=1)
    if product.pooled:
        whole = pieces.node("MatMul", [product.activation, restored], f"{product.name}.logits")
        pieces.maximum(product, whole, _POSITIONS, product.output, keepdims=False)
    else:
        pieces.node("MatMul", [product.activation, restored], product.output)
    return pieces


def token_products(products: Sequence[Product], weights: Mapping[str, Int8Weights]) -> dict[str, Pieces]:
    """Multiply integers, with a scale for each token; products that share an activation round it once."""
    rounded: set[str] = set()
    return {each.name: _token_product(each, weights[each.name], rounded) for each in products}


def static_product(product: Product, weights: Int8Weights, low: float, high: float) -> Pieces:
    """Multiply integers; the activation is rounded in a range, and what lies outside becomes its end."""
    pieces = Pieces()
    scale = max(float(_LEAST), (max(high, 0.0) - min(low, 0.0)) / 255)
    zero = np.uint8(np.clip(round(-min(low, 0.0) / scale), 0, 255))
    scale_name = pieces.constant(f"{product.name}.range", np.float32(scale))
    zero_name = pieces.constant(f"{product.name}.zero", zero)
    integers = pieces.node("QuantizeLinear", [product.activation, scale_name, zero_name], f"{product.name}.rounded")
    if product.pooled:
        pooled = _pooled_integers(pieces, product, weights, integers, zero_name)
        pieces.node("Mul", [pooled, scale_name], product.output)
    else:
        _scaled_product(pieces, product, weights, (integers, scale_name, zero_name), product.output)
    return pieces


def rounded_lookup(lookup: Lookup) -> Pieces:
    """Look rows up in a table of int8, one scale per row."""
    weights = rounded_columns(lookup.table.T)
    pieces = Pieces()
    table = pieces.constant(f"{lookup.name}.table", np.ascontiguousarray(weights.rounded.T))
    scales = pieces.constant(f"{lookup.name}.scales", weights.scales[:, None])
    rows = pieces.node("Gather", [table, lookup.numbers], f"{lookup.name}.rows", axis=0)
    factors = pieces.node("Gather", [scales, lookup.numbers], f"{lookup.name}.factors", axis=0)
    floats = pieces.node("Cast", [rows], f"{lookup.name}.floats", to=1)
    pieces.node("Mul", [floats, factors], lookup.output)
    return pieces


def _token_product(product: Product, weights: Int8Weights, rounded: set[str]) -> Pieces:
    pieces = Pieces()
    stem = f"{product.activation}.{'text' if product.pooled else 'token'}"
    size, integers = f"{stem}.size", f"{stem}.rounded"
    unit, zero = f"{stem}.unit", f"{stem}.zero"
    if stem not in rounded:
        rounded.add(stem)
        pieces.constant(unit, np.float32(1 / _LARGEST))
        pieces.constant(zero, _ZERO)
        pieces.constant(f"{stem}.least", _LEAST)
        sizes = pieces.node("Abs", [product.activation], f"{stem}.sizes")
        axes = _POSITIONS_AND_LAST if product.pooled else _LAST
        largest = pieces.maximum(product, sizes, axes, f"{stem}.largest", keepdims=True)
        pieces.node("Max", [largest, f"{stem}.least"], size)
        relative = pieces.node("Div", [product.activation, size], f"{stem}.relative")
        pieces.node("QuantizeLinear", [relative, unit, zero], integers)
    if product.pooled:
        pooled = _pooled_integers(pieces, product, weights, integers, zero)
        scaled = pieces.node("Mul", [pooled, unit], f"{product.name}.scaled")
        one = pieces.constant(f"{product.name}.last", np.array(_LAST))
        flat = pieces.node("Squeeze", [size, one], f"{product.name}.size")
        pieces.node("Mul", [scaled, flat], product.output)
    else:
        whole = _scaled_product(pieces, product, weights, (integers, unit, zero), f"{product.name}.relative")
        pieces.node("Mul", [whole, size], product.output)
    return pieces


def _scaled_product(
    pieces: Pieces, product: Product, weights: Int8Weights, rounded: tuple[str, str, str], output: str
) -> str:
    """Multiply and scale by column and by the activation's scale; `rounded` is its name, scale and zero point."""
    integers, scale, zero = rounded
    weight = pieces.constant(f"{product.name}.weight", weights.rounded)
    scales = pieces.constant(f"{product.name}.scales", weights.scales)
    zeros = pieces.constant(f"{product.name}.zeros", np.zeros(len(weights.scales), dtype=np.int8))
    inputs = [integers, weight, scale, scales, zero, zeros]
    return pieces.node("MatMulIntegerToFloat", inputs, output, RUNTIME_DOMAIN)


def _pooled_integers(pieces: Pieces, product: Product, weights: Int8Weights, integers: str, zero: str) -> str:
    """Return the maxima over positions, scaled by column: (batch, columns)."""
    weight = pieces.constant(f"{product.name}.weight", weights.rounded)
    scales = pieces.constant(f"{product.name}.scales", weights.scales)
    sums = pieces.node("MatMulInteger", [integers, weight, zero], f"{product.name}.sums")
    largest = pieces.maximum(product, sums, _POSITIONS, f"{product.name}.largest", keepdims=False)
    floats = pieces.node("Cast", [largest], f"{product.name}.floats", to=1)
    return pieces.node("Mul", [floats, scales], f"{product.name}.columns")
