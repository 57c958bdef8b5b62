"""An ONNX graph becomes smaller: int8 weights through Optimum and ONNX Runtime; needs the extra [export].

Only weights are rounded. Language models have activations hundreds of times larger than their neighbours (at BOS, at
commas), and one int8 scale for a whole activation tensor would leave little of the other tokens; it would also make
vectors depend on the batch and the processor. So Optimum's dynamic quantization is run for its weights, and each
integer product is put back as a product of the float activations with the dequantized weights.
"""

import tempfile
from pathlib import Path

import onnx
from onnx import GraphProto, NodeProto, helper
from optimum.onnxruntime import ORTQuantizer
from optimum.onnxruntime.configuration import AutoQuantizationConfig

_QUANTIZED = ["MatMul", "Gather"]


def quantize_int8(graph: Path, output: Path) -> None:
    """Write `graph` with int8 weights, one scale per output channel, and float activations to `output`."""
    settings = AutoQuantizationConfig.avx2(
        is_static=False,
        per_channel=True,
        operators_to_quantize=_QUANTIZED,
        nodes_to_exclude=products_of_activations(onnx.load(graph).graph),
    )
    settings.reduce_range = False
    with tempfile.TemporaryDirectory() as folder:
        quantizer = ORTQuantizer.from_pretrained(graph.parent, file_name=graph.name)
        quantizer.quantize(save_dir=folder, quantization_config=settings, file_suffix="")
        model = onnx.load(Path(folder) / graph.name)
    with_float_activations(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, output)


def products_of_activations(graph: GraphProto) -> list[str]:
    """Return the names of the products without a weight: attention, and the angles of rotary positions."""
    weights = {tensor.name for tensor in graph.initializer}
    return [node.name for node in graph.node if node.op_type == "MatMul" and weights.isdisjoint(node.input)]


def with_float_activations(graph: GraphProto) -> None:
    """Replace each quantized product of an activation with a weight by a dequantized weight and a float product.

    The pattern is ONNX Runtime's: DynamicQuantizeLinear, MatMulInteger, Cast, and Mul with the product of the scales.
    """
    makers = {name: node for node in graph.node for name in node.output}
    users = {name: node for node in graph.node for name in node.input}
    weights = {tensor.name for tensor in graph.initializer}
    replaced: dict[str, list[NodeProto]] = {}
    removed: set[str] = set()
    for product in [node for node in graph.node if node.op_type == "MatMulInteger"]:
        quantized, weight, _, zero_point = product.input
        scaled = users[users[product.output[0]].output[0]]  # behind the Cast
        scales = next(makers[name] for name in scaled.input if makers[name].op_type == "Mul")
        scale = next(name for name in scales.input if name in weights)
        restored = f"{product.name}_weight"
        replaced[product.name] = [
            helper.make_node("DequantizeLinear", [weight, scale, zero_point], [restored], restored, axis=1),
            helper.make_node("MatMul", [makers[quantized].input[0], restored], list(scaled.output), product.name),
        ]
        removed |= {makers[quantized].name, users[product.output[0]].name, scales.name, scaled.name}
    kept = [replaced.get(node.name, [node]) for node in graph.node if node.name not in removed]
    del graph.node[:]
    graph.node.extend(node for nodes in kept for node in nodes)
