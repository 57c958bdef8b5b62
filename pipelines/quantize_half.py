"""A graph in fp16, for GPUs: the backbone and all products; float32 is what fp16 has not the range or digits for."""

import warnings
from collections.abc import Set
from pathlib import Path

import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_BACKBONE = "/backbone/"
_NORM = "norm"
_HALF = ("MatMul", "ReduceMax")
"""Behind the backbone, and fp16 all the same: the head's product, which is large, and its maximum, which is exact."""


def halved(graph: Path) -> ModelProto:
    """Return the graph in fp16 between inputs and outputs that stay as they are.

    Norms stay in float32, whose squares would overflow: the states of a language model's first position reach
    thousands. So does most of what follows the backbone, which is little work: in fp16 it moved vectors of csplade-mini
    by 0.5% of their length, and without it they move by 0.02%.
    """
    from onnx.external_data_helper import load_external_data_for_model
    from onnx.shape_inference import infer_shapes
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    # Shapes are inferred without the weights that lie beside the graph: with them it may be too large for protobuf.
    model = infer_shapes(onnx.load(graph, load_external_data=False))
    load_external_data_for_model(model, str(graph.parent))
    own = {node.name for node in model.graph.node}
    with warnings.catch_warnings():
        # It warns of each number that fp16 cannot hold: the lowest ones of masks, for which its own lowest do as well.
        warnings.simplefilter("ignore")
        converted: ModelProto = convert_float_to_float16(
            model, keep_io_types=True, disable_shape_infer=True, node_block_list=_exact(model.graph)
        )
    _join(converted.graph, own)
    made = OnnxModel(converted)
    # The converter appends its casts at the end.
    made.topological_sort()
    return converted


def _exact(graph: GraphProto) -> list[str]:
    """Return the names of the nodes that stay in float32; nodes come after those whose outputs they take."""
    behind: set[str] = set()
    names = []
    for node in graph.node:
        inside = node.name.startswith(_BACKBONE)
        follows = not inside and not behind.isdisjoint(node.input)
        if inside or follows:
            behind.update(node.output)
        if _NORM in node.name.lower() or _NORM in node.op_type.lower() or (follows and node.op_type not in _HALF):
            names.append(node.name)
    return names


def _join(graph: GraphProto, own: Set[str]) -> None:
    """Take out the casts to fp16 and back that the converter puts between two nodes which both stay in float32."""
    outputs = {each.name for each in graph.output}
    halves = {node.output[0]: node.input[0] for node in graph.node if _is_cast(node, TensorProto.FLOAT16, own)}
    back = [
        node
        for node in graph.node
        if _is_cast(node, TensorProto.FLOAT, own) and node.input[0] in halves and node.output[0] not in outputs
    ]
    exact = {node.output[0]: halves[node.input[0]] for node in back}
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = exact.get(name, name)
    for node in back:
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input} | outputs
    for node in [each for each in graph.node if _is_cast(each, TensorProto.FLOAT16, own)]:
        if node.output[0] not in used:
            graph.node.remove(node)


def _is_cast(node: NodeProto, to: int, own: Set[str]) -> bool:
    """Return whether a node is a cast to this type, and none of the graph's own."""
    return node.op_type == "Cast" and node.name not in own and node.attribute[0].i == to
