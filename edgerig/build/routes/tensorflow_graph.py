"""What the routes from TensorFlow share: a traced function to ONNX, and the order of a TFLite file's tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from ai_edge_litert.tools import flatbuffer_utils
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgerig.build.routes.onnx_loops import hoist_constants, rename_in
from edgerig.errors import BuildError, UnsupportedRecipe
from edgerig.spec import ModelSpec

OPSET = 18
"""The newest tf2onnx writes; ONNX Runtime takes any."""
SIGNATURE = "serving_default"
PREFIX = "edgerig_"
"""Of names no model uses."""


def function_to_onnx(function: Callable[..., list[Any]], spec: ModelSpec, out: Path) -> None:
    """Writes `function`, of one tensor an input to a list of one tensor an output, as a static ONNX graph.

    Its inputs and outputs bear the spec's names, in the spec's order.
    """
    given = [tf.TensorSpec(t.shape, tf.as_dtype(t.dtype), name=f"{PREFIX}input_{i}") for i, t in enumerate(spec.inputs)]

    def named(*inputs: Any) -> list[Any]:
        # An output that is an input, or another output, is then a value of its own.
        return [tf.identity(value, name=f"{PREFIX}output_{i}") for i, value in enumerate(function(*inputs))]

    traced = tf.function(named, autograph=False).get_concrete_function(*given)
    # Also what a layer keeps outside its variables (Normalization's mean): `from_function` makes inputs of that.
    frozen = convert_variables_to_constants_v2(traced, lower_control_flow=False, aggressive_inlining=True)
    graph, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(add_shapes=True),
        input_names=[f"{tensor.name}:0" for tensor in given],
        output_names=[tensor.name for tensor in frozen.outputs],
        opset=OPSET,
        custom_op_handlers={"Erfc": (_complement_of_erf, []), "Bucketize": (_bucket, [])},
    )
    _rename(graph, spec)
    hoist_constants(graph)
    _refuse_unknown(graph)
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, out)


def _refuse_unknown(graph: onnx.ModelProto) -> None:
    """Raises UnsupportedRecipe naming operators of TensorFlow's that tf2onnx has no rule for and left as they are."""
    unknown = sorted({n.op_type for n in graph.graph.node if not n.domain and not onnx.defs.has(n.op_type)})
    if unknown:
        raise UnsupportedRecipe(
            f"the converter to ONNX cannot take TensorFlow's {', '.join(unknown)}",
            hint="replace it in the network by layers ONNX has, or take it out and do it before or after the network",
        )


def _complement_of_erf(graph: Any, node: Any, _name: str, _args: list[Any]) -> None:
    """Erfc (TensorFlow's GELU has one), which ONNX lacks, as 1 - Erf."""
    erf = graph.make_node("Erf", node.input)
    one = graph.make_const(tf2onnx.utils.make_name("one"), np.ones((), np.float32))
    (output,), shapes, dtypes = node.output, node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    graph.make_node("Sub", [one.output[0], erf.output[0]], outputs=[output], shapes=shapes, dtypes=dtypes)


def _bucket(graph: Any, node: Any, _name: str, _args: list[Any]) -> None:
    """Bucketize (Keras' Discretization), which ONNX lacks: how many of the boundaries are not above the number."""
    (number,), (output,), shapes, dtypes = node.input, node.output, node.output_shapes, node.output_dtypes
    boundaries = np.array(list(node.get_attr("boundaries").floats), np.float32)
    graph.remove_node(node.name)
    last = graph.make_const(tf2onnx.utils.make_name("last"), np.array([-1], np.int64)).output[0]
    bounds = graph.make_const(tf2onnx.utils.make_name("boundaries"), boundaries).output[0]
    real = graph.make_node("Cast", [number], attr={"to": onnx.TensorProto.FLOAT}).output[0]
    column = graph.make_node("Unsqueeze", [real, last]).output[0]
    reached = graph.make_node("GreaterOrEqual", [column, bounds]).output[0]
    ones = graph.make_node("Cast", [reached], attr={"to": onnx.TensorProto.INT32}).output[0]
    graph.make_node("ReduceSum", [ones, last], attr={"keepdims": 0}, outputs=[output], shapes=shapes, dtypes=dtypes)


def _rename(graph: onnx.ModelProto, spec: ModelSpec) -> None:
    """Gives the graph's inputs and outputs the spec's names; values inside that bear one already get another."""
    values = [*graph.graph.input, *graph.graph.output]
    tensors = [*spec.inputs, *spec.outputs]
    if len(values) != len(tensors):
        raise BuildError(
            f"tf2onnx gave {len(graph.graph.input)} inputs and {len(graph.graph.output)} outputs, the model has "
            f"{len(spec.inputs)} and {len(spec.outputs)}",
            hint="an input that no output depends on is dropped: leave it out of the model",
        )
    names = {value.name: tensor.name for value, tensor in zip(values, tensors, strict=True)}
    taken = {tensor.name for tensor in tensors} - set(names)
    names |= {name: f"{PREFIX}inside_{name}" for name in taken}
    rename_in(graph.graph, names)


def order_tensors(path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Puts the inputs and outputs of a TFLite file in the order of these signature names.

    TensorFlow's converter orders them as it likes; a runtime that feeds them by position needs the model's order.
    Raises BuildError when the signature has other names.
    """
    graph = flatbuffer_utils.read_model(str(path))
    signature = next(s for s in graph.signatureDefs if s.signatureKey.decode() == SIGNATURE)
    subgraph = graph.subgraphs[signature.subgraphIndex]
    subgraph.inputs = _ordered(signature.inputs, inputs, path)
    subgraph.outputs = _ordered(signature.outputs, outputs, path)
    flatbuffer_utils.write_model(graph, str(path))


def _ordered(found: Sequence[Any], names: Sequence[str], path: Path) -> list[int]:
    tensors = {entry.name.decode(): int(entry.tensorIndex) for entry in found}
    if sorted(tensors) != sorted(names):
        raise BuildError(
            f"{path.name}: the converter named the signature's tensors {', '.join(sorted(tensors))}, "
            f"{', '.join(sorted(names))} were expected",
            hint="the converter dropped or merged inputs or outputs: see the build's log",
        )
    return [tensors[name] for name in names]
