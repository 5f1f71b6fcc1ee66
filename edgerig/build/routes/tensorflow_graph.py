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

from edgerig.errors import BuildError
from edgerig.spec import ModelSpec

OPSET = 18
"""The newest tf2onnx writes; ONNX Runtime takes any."""
SIGNATURE = "serving_default"


def function_to_onnx(function: Callable[..., list[Any]], spec: ModelSpec, out: Path) -> None:
    """Writes `function`, of one tensor an input to a list of one tensor an output, as a static ONNX graph.

    Its inputs and outputs bear the spec's names, in the spec's order.
    """
    inputs = [tf.TensorSpec(t.shape, tf.float32, name=f"edgerig_input_{i}") for i, t in enumerate(spec.inputs)]
    graph, _ = tf2onnx.convert.from_function(
        tf.function(function, autograph=False),
        input_signature=inputs,
        opset=OPSET,
        custom_op_handlers={"Erfc": (_complement_of_erf, [])},
    )
    _rename(graph, spec)
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, out)


def _complement_of_erf(graph: Any, node: Any, _name: str, _args: list[Any]) -> None:
    """Erfc (TensorFlow's GELU has one), which ONNX lacks, as 1 - Erf."""
    erf = graph.make_node("Erf", node.input)
    one = graph.make_const(tf2onnx.utils.make_name("one"), np.ones((), np.float32))
    (output,), shapes, dtypes = node.output, node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    graph.make_node("Sub", [one.output[0], erf.output[0]], outputs=[output], shapes=shapes, dtypes=dtypes)


def _rename(graph: onnx.ModelProto, spec: ModelSpec) -> None:
    """Gives the graph's inputs and outputs the spec's names; values inside that bear one already get another."""
    values = [*graph.graph.input, *graph.graph.output]
    tensors = [*spec.inputs, *spec.outputs]
    names = {value.name: tensor.name for value, tensor in zip(values, tensors, strict=True)}
    taken = {tensor.name for tensor in tensors} - set(names)
    names |= {name: f"{name}_inside" for name in taken}
    for value in (*values, *graph.graph.value_info, *graph.graph.initializer):
        value.name = names.get(value.name, value.name)
    for node in graph.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


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
