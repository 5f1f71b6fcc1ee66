"""Equalization of a float ONNX graph: its operators as `build/equalize` sees them, and the weights written back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper, shape_inference

from edgerig.build.equalize import balance
from edgerig.build.equalize.channels import Move, Shape, kept, pooled, reduced, reshaped, transposed
from edgerig.build.equalize.layers import Form, Layer, convolution, transposed_convolution
from edgerig.build.equalize.network import Operator, Weighted, find
from edgerig.build.formats.layer_names import layer_names
from edgerig.build.formats.onnx_graph import drop_unread, held, input_tensors, read_in
from edgerig.build.formats.onnx_ranges import fed_samples
from edgerig.build.onnx_weights import save
from edgerig.build.source import Arrays
from edgerig.spec import RecipeSpec

Constants = dict[str, TensorProto]
KEEPS = frozenset({"Relu", "LeakyRelu", "PRelu", "Identity", "Dropout", "Abs", "Neg"})
JOINS = frozenset({"Add", "Sub", "Max", "Min", "Sum"})
"""Of values alone: with a constant they are not homogeneous."""
POOLS = frozenset({"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool", "GlobalLpPool"})
REDUCES = frozenset({"ReduceMean", "ReduceSum", "ReduceMax"})
RESHAPES = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze"})
"""Positively homogeneous operators (ONNX operator specification), by what becomes of channels in them."""
CLIPPED = "Clip (RELU6)"
CONVOLUTIONS = ("Conv", "ConvTranspose")
MATRICES = ("Gemm", "MatMul")


def equalize(source: Path, recipe: RecipeSpec, calibration: Arrays, out: Path) -> tuple[str, ...]:
    """Writes `source`, a graph after fusion whose constants are initializers, equalized to `out`; what to note of it.

    Raises UnsupportedRecipe where no two layers can be, or where the graph then computes something else.
    """
    model = onnx.load(source)
    steps, places, forms = steps_of(model)
    found = find(steps, {output.name for output in model.graph.output})
    if not found.chains:
        raise balance.nothing(recipe.name, found)
    layers = {step.name: step.weighted.layer for step in steps if step.weighted is not None}
    for name, layer in balance.balanced(layers, found.chains).items():
        store(model, places[name], forms[name], layer, "equalized")
    drop_unread(model.graph)
    save(model, out)
    some = [array[: balance.PROOF_SAMPLES] for array in calibration]
    proved = balance.proof(_outputs(source, some), _outputs(out, some))
    if not proved.holds:
        raise balance.changed(recipe.name, proved)
    return balance.notes(found, proved)


def steps_of(model: onnx.ModelProto) -> tuple[list[Operator], dict[str, onnx.NodeProto], dict[str, Form]]:
    """The operators as equalization sees them, with their nodes and the form of each one's weights by name."""
    nodes = list(model.graph.node)
    names = layer_names(node.op_type for node in nodes)
    constants, shapes, reads = held(model), _shapes(model), Counter(read_in(model.graph))
    steps, forms = [], {}
    for name, node in zip(names, nodes, strict=True):
        values = tuple(each for each in node.input if each and each not in constants)
        layer = _weighted(node, constants, shapes, reads)
        move = None
        if layer is not None:
            forms[name] = layer[1]
        else:
            move = _move(node, constants, shapes, len(values))
        gives = tuple(each for each in node.output if each)
        kind = CLIPPED if _is_relu6(node, constants) else node.op_type
        steps.append(Operator(name, kind, values, gives, None if layer is None else layer[0], move))
    return steps + _inside(nodes), dict(zip(names, nodes, strict=True)), forms


def _is_relu6(node: onnx.NodeProto, constants: Constants) -> bool:
    bounds = [constants.get(name) for name in node.input[1:]]
    return node.op_type == "Clip" and [None if b is None else numpy_helper.to_array(b).item() for b in bounds] == [0, 6]


def _inside(nodes: Sequence[onnx.NodeProto]) -> list[Operator]:
    """What the branches of control flow read of the graph around them, as operators that end a path."""
    found = []
    for node in nodes:
        for attribute in node.attribute:
            graphs = [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else list(attribute.graphs)
            names = tuple(name for graph in graphs for name in read_in(graph))
            if names:
                found.append(Operator(f"{node.op_type} {attribute.name}", node.op_type, names, ()))
    return found


def _weighted(
    node: onnx.NodeProto, constants: Constants, shapes: dict[str, Shape], reads: Counter[str]
) -> tuple[Weighted, Form] | None:
    """A node's weights, where they are constants of float32 and its data is not."""
    if node.op_type not in (*CONVOLUTIONS, *MATRICES) or node.input[0] in constants:
        return None
    taken, given = shapes.get(node.input[0]), shapes.get(node.output[0])
    weight = _floats(constants, node.input[1])
    if weight is None or taken is None or given is None:
        return None
    form = _form(node, weight.shape)
    has_bias = len(node.input) > 2 and bool(node.input[2])
    bias = _floats(constants, node.input[2]) if has_bias else None
    if form is None or (has_bias and bias is None):
        return None
    layer = Layer(form.of(weight), bias)
    axis = 1 if node.op_type in CONVOLUTIONS else -1
    if (
        taken[axis] != layer.inputs
        or given[axis] != layer.outputs
        or (bias is not None and bias.shape != (layer.outputs,))
    ):
        return None
    weighted = Weighted(layer, taken, given, axis % len(taken), axis % len(given), shared=reads[node.input[1]] > 1)
    return weighted, form


def _form(node: onnx.NodeProto, shape: Shape) -> Form | None:
    """The form of a node's weights; None where they are not what multiplies the channels one by one."""
    attributes = _attributes(node)
    groups = int(attributes.get("group", 1))
    if node.op_type == "Conv":
        return convolution(shape, groups)
    if node.op_type == "ConvTranspose":
        return transposed_convolution(shape, groups)
    if len(shape) != 2 or attributes.get("transA", 0):
        return None
    return convolution(shape, 1) if attributes.get("transB", 0) else transposed_convolution(shape, 1)


def _move(node: onnx.NodeProto, constants: Constants, shapes: dict[str, Shape], reads: int) -> Move | None:
    """What becomes of channels in an operator that is positively homogeneous; None for any other. It `reads` so many
    values that are no constants."""
    shape, attributes = shapes.get(node.output[0]), _attributes(node)
    if (node.op_type in JOINS and reads == len(node.input)) or (node.op_type == "Mul" and reads == 1):
        return kept(shape)
    if reads != 1 or node.input[0] in constants:
        return None
    if node.op_type == "Div":
        return kept(shape)
    if node.op_type in KEEPS or (node.op_type == "Pad" and _pads_zeros(node, attributes, constants)):
        return kept(shape)
    if node.op_type in POOLS:
        return pooled(shape, range(2, len(shape or ())))
    if node.op_type in RESHAPES:
        return reshaped(shape)
    if node.op_type == "Transpose":
        return transposed(attributes.get("perm", tuple(reversed(range(len(shape or ()))))))
    if node.op_type in REDUCES:
        axes = _axes(node, attributes, constants)
        return None if axes is None else reduced(shape, axes)
    return None


def _pads_zeros(node: onnx.NodeProto, attributes: dict[str, Any], constants: Constants) -> bool:
    """Pad with nothing but zeros, or what is there already (ONNX operator specification: constant, reflect, edge)."""
    if attributes.get("mode", b"constant") != b"constant":
        return True
    value = constants.get(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    if len(node.input) > 2 and node.input[2] and value is None:
        return False
    return not attributes.get("value", 0.0) and (value is None or not numpy_helper.to_array(value).any())


def _axes(node: onnx.NodeProto, attributes: dict[str, Any], constants: Constants) -> tuple[int, ...] | None:
    """What is reduced: an attribute in old operator sets, an input in later ones; None for all, or what is computed."""
    if "axes" in attributes:
        return tuple(attributes["axes"])
    given = constants.get(node.input[1]) if len(node.input) > 1 else None
    return None if given is None else tuple(int(axis) for axis in numpy_helper.to_array(given).reshape(-1))


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _floats(constants: Constants, name: str) -> Any | None:
    tensor = constants.get(name)
    return numpy_helper.to_array(tensor) if tensor is not None and tensor.data_type == TensorProto.FLOAT else None


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """Of every value whose axes are all known."""
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    found = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        axes = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(axis.dim_value > 0 for axis in axes):
            found[value.name] = tuple(int(axis.dim_value) for axis in axes)
    return found


def store(model: onnx.ModelProto, node: onnx.NodeProto, form: Form, layer: Layer, what: str) -> None:
    """Gives a node its weights and bias as constants of its own, which bear the name of `what` was done to them:
    exporters keep one for all that are equal."""
    values = {1: form.back(layer.weight)} | ({} if layer.bias is None else {2: layer.bias})
    for place, value in values.items():
        name = f"{node.output[0]}#{what}_{place}"
        model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        node.input[place] = name


def _outputs(path: Path, samples: Arrays) -> list[Arrays]:
    """The graph's outputs on each sample."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = input_tensors(onnx.load(path, load_external_data=False))
    return [list(session.run(None, sample)) for sample in fed_samples(inputs, samples)]
