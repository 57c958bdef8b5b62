"""A float graph becomes a smaller or faster one; needs onnx, and for `OPTIMUM` and `FP16` the extra [export].

The embedding is rounded to int8 with one scale per row in all integer formats. The head has int8 weights in all of
them, 4-bit ones too: it writes the terms.
"""

import tempfile
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import onnx
from csplade.pipelines.errors import UsageError
from csplade.pipelines.quantize_blocks import block_product
from csplade.pipelines.quantize_half import halved
from csplade.pipelines.quantize_int8 import (
    float_product,
    rounded_columns,
    rounded_lookup,
    static_product,
    token_products,
)
from csplade.pipelines.quantize_kinds import Precision, Target, said_of_bits
from csplade.pipelines.quantize_products import Pieces, Product, lookups, products, replace, save_graph
from onnx import ModelProto


@dataclass(frozen=True)
class QuantizeOptions:
    """How a graph is quantized."""

    precision: Precision
    target: Target = Target.AVX2
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Smallest and largest value of each activation, by name; for `INT8_STATIC`."""
    kept: Set[str] = frozenset()
    """Names of products whose activations stay float; for `INT8` and `INT8_STATIC`."""

    @property
    def bits(self) -> int:
        """Return the bits of a weight that is rounded to int8; fewer where sums might overflow."""
        return self.target.bits if self.precision.has_target else 8

    @property
    def said(self) -> str:
        """Return what the contract says."""
        kept = f", {len(self.kept)} products with float ones" if self.kept else ""
        return said_of_bits(self.precision, self.bits) + kept


def quantize_graph(graph: Path, output: Path, options: QuantizeOptions) -> None:
    """Write the quantized graph to `output`.

    Raises:
        UsageError: the graph has no float product, as it is quantized already.
    """
    if options.precision is Precision.OPTIMUM:
        _by_optimum(graph, output, options.target)
        return
    model = onnx.load(graph)
    found = products(model)
    if not found:
        raise UsageError(f"{graph} has no float32 weights to quantize: name an encoder as csplade export writes it")
    if options.precision is Precision.FP16:
        # What was read is not needed any more, and may be large.
        del model, found
        model = halved(graph)
    else:
        _replace(model, found, options)
    save_graph(model, output)


def _replace(model: ModelProto, found: list[Product], options: QuantizeOptions) -> None:
    replacements = {each.name: rounded_lookup(each) for each in lookups(model)}
    gone = [name for product in found for name in product.nodes]
    replace(model, {**replacements, **_products(found, options)}, gone)


def _products(found: list[Product], options: QuantizeOptions) -> dict[str, Pieces]:
    if options.precision in (Precision.INT4, Precision.INT8_BLOCKS):
        bits = 4 if options.precision is Precision.INT4 else 8
        return {each.name: block_product(each, 8 if each.pooled else bits) for each in found}
    weights = {each.name: rounded_columns(each.weight, options.bits) for each in found}
    kept = {each.name for each in found} if options.precision is Precision.INT8_WEIGHTS else options.kept
    made = {each.name: float_product(each, weights[each.name]) for each in found if each.name in kept}
    left = [each for each in found if each.name not in kept]
    if options.precision is Precision.INT8:
        return made | token_products(left, weights)
    ranges = options.ranges
    return made | {each.name: static_product(each, weights[each.name], *ranges[each.activation]) for each in left}


def _by_optimum(graph: Path, output: Path, target: Target) -> None:
    """Quantize as Optimum does: weights per channel, and one scale for each whole activation tensor of a batch."""
    from onnx.external_data_helper import uses_external_data
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    made = getattr(AutoQuantizationConfig, target.value)
    model = onnx.load(graph, load_external_data=False)
    narrow = {node.name for node in model.graph.node if node.op_type == "MatMul"} - {
        each.name for each in products(onnx.load(graph))
    }
    if target.bits < 8:
        made = partial(made, reduce_range=True)
    settings = made(
        is_static=False, per_channel=True, operators_to_quantize=["MatMul", "Gather"], nodes_to_exclude=sorted(narrow)
    )
    with tempfile.TemporaryDirectory() as folder:
        quantizer = ORTQuantizer.from_pretrained(graph.parent, file_name=graph.name)
        quantizer.quantize(
            save_dir=folder,
            quantization_config=settings,
            file_suffix="",
            use_external_data_format=any(map(uses_external_data, model.graph.initializer)),
        )
        save_graph(onnx.load(Path(folder) / graph.name), output)
