"""The products of a graph with its weights, and what takes their places; needs onnx.

A product is a MatMul of an activation with a constant matrix. Products of two activations, those of attention and of
rotary positions, stay as they are, and so do narrow ones, such as the gates: they cost nothing.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from csplade.pipelines.errors import EncoderError
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

RUNTIME_DOMAIN = "com.microsoft"
"""ONNX Runtime's own operators."""
_AXES_ARE_INPUTS = 18
"""The opset since which ReduceMax takes its axes as an input."""
_NARROW = 16
"""Columns; narrower products are not worth a scale."""

_LARGEST_FILE = 1_900_000_000
"""Bytes; protobuf ends at 2 GB."""

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Product:
    """An activation times a weight matrix."""

    name: str
    activation: str
    """Name of the tensor, (batch, length, rows)."""
    weight: NDArray[np.float32]
    """(rows, columns)"""
    output: str
    """Name of the tensor, (batch, length, columns); of (batch, columns) if pooled."""
    pooled: bool
    """Whether the product is followed by the maximum over positions alone, and `output` is that: the head."""
    nodes: tuple[str, ...]
    """Names of the nodes that are replaced."""
    opset: int
    """The graph's version of ONNX's operators, in which what takes the place must be written."""


@dataclass(frozen=True)
class Lookup:
    """Rows of a table by number: the embedding of tokens."""

    name: str
    table: NDArray[np.float32]
    """(rows, columns)"""
    numbers: str
    output: str


@dataclass
class Pieces:
    """Nodes and constants that take the place of something."""

    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)

    def constant(self, name: str, value: Array | np.generic) -> str:
        """Add a constant and return its name."""
        self.constants[name] = np.asarray(value)
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: object) -> str:
        """Add a node called like its output, and return that; attributes are those of the operator `kind`."""
        made = helper.make_node(kind, list(inputs), [output], name=output, domain=domain or None, **attributes)
        self.nodes.append(made)
        return output

    def maximum(self, product: Product, values: str, axes: Sequence[int], output: str, keepdims: bool) -> str:
        """Add the maximum over axes, as the graph of the product writes it."""
        if product.opset < _AXES_ARE_INPUTS:
            return self.node("ReduceMax", [values], output, axes=list(axes), keepdims=int(keepdims))
        named = self.constant(f"{output}.axes", np.array(axes))
        return self.node("ReduceMax", [values, named], output, keepdims=int(keepdims))


def products(model: ModelProto) -> list[Product]:
    """Return the products with weights, in the order of the graph."""
    graph, weights = model.graph, _initializers(model.graph)
    users, opset = _users(graph), own_opset(model)
    return [
        _product(node, numpy_helper.to_array(weights[node.input[1]]), users, opset)
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in weights and _is_wide(weights[node.input[1]])
    ]


def own_opset(model: ModelProto) -> int:
    """Return the graph's version of ONNX's own operators."""
    return next(int(each.version) for each in model.opset_import if each.domain in ("", "ai.onnx"))


def lookups(model: ModelProto) -> list[Lookup]:
    """Return the lookups in tables of floats."""
    tables = _initializers(model.graph)
    return [
        Lookup(node.name, numpy_helper.to_array(tables[node.input[0]]), node.input[1], node.output[0])
        for node in model.graph.node
        if node.op_type == "Gather" and node.input[0] in tables and _is_wide(tables[node.input[0]])
    ]


def replace(model: ModelProto, replacements: Mapping[str, Pieces], gone: Iterable[str] = ()) -> None:
    """Put pieces in the places of nodes, by name, take others away, and drop the constants that nobody uses then."""
    graph, removed = model.graph, set(gone)
    nodes = [kept for node in graph.node for kept in _instead(node, replacements, removed)]
    used = {name for node in nodes for name in node.input} | {output.name for output in graph.output}
    constants = {name: value for pieces in replacements.values() for name, value in pieces.constants.items()}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *(numpy_helper.from_array(value, name) for name, value in constants.items())])
    _import_runtime(model)


def save_graph(model: ModelProto, output: Path, largest_file: int = _LARGEST_FILE) -> None:
    """Write a graph; one that is larger than protobuf can hold has its weights in a file beside it."""
    apart = weight_bytes(model) > largest_file
    onnx.save(model, output, save_as_external_data=apart, location=f"{output.name}_data" if apart else None)
    onnx.checker.check_model(output)


def weight_bytes(model: ModelProto) -> int:
    """Return the bytes of all constants, wherever they are kept; protobuf itself counts no message above 2 GB."""
    return sum(
        math.prod(each.dims) * helper.tensor_dtype_to_np_dtype(each.data_type).itemsize
        for each in model.graph.initializer
    )


def _instead(node: NodeProto, replacements: Mapping[str, Pieces], removed: set[str]) -> Iterator[NodeProto]:
    if node.name in replacements:
        yield from replacements[node.name].nodes
    elif node.name not in removed:
        yield node


def _product(
    node: NodeProto, weight: NDArray[np.float32], users: Mapping[str, Sequence[NodeProto]], opset: int
) -> Product:
    """Return the product, and the maximum behind it if nothing else reads it."""
    after = users.get(node.output[0], ())
    if len(after) == 1 and after[0].op_type == "ReduceMax":
        maximum = after[0]
        return Product(node.name, node.input[0], weight, maximum.output[0], True, (node.name, maximum.name), opset)
    return Product(node.name, node.input[0], weight, node.output[0], False, (node.name,), opset)


def _initializers(graph: GraphProto) -> dict[str, TensorProto]:
    if unnamed := [node.op_type for node in graph.node if not node.name]:
        raise EncoderError(f"the graph has a {unnamed[0]} without a name: export the encoder again")
    return {tensor.name: tensor for tensor in graph.initializer}


def _users(graph: GraphProto) -> dict[str, list[NodeProto]]:
    users: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    return users


def _is_wide(tensor: TensorProto) -> bool:
    return bool(len(tensor.dims) == 2 and tensor.dims[1] >= _NARROW and tensor.data_type == TensorProto.FLOAT)


def _import_runtime(model: ModelProto) -> None:
    if all(each.domain != RUNTIME_DOMAIN for each in model.opset_import):
        model.opset_import.append(helper.make_opsetid(RUNTIME_DOMAIN, 1))
