"""A small recurrent network whose state is an input and an output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(0)
W, V = (RNG.standard_normal(shape).astype(np.float32) for shape in ((4, 8), (8, 5)))
U = (0.5 * RNG.standard_normal((8, 8))).astype(np.float32)


def recurrent(path: Path, batch_axis: int = 0) -> None:
    """h' = tanh(x W + h U), y = h' V; the state in front of the data, with the batch where it is said to be."""
    shape = [1, 1, 8] if batch_axis else [1, 8]
    flat = numpy_helper.from_array(np.array([1, 8]), "flat")
    own = numpy_helper.from_array(np.array(shape), "own")
    nodes = [
        helper.make_node("Reshape", ["h", "flat"], ["h0"]),
        helper.make_node("MatMul", ["x", "W"], ["a"]),
        helper.make_node("MatMul", ["h0", "U"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("Tanh", ["c"], ["h1"]),
        helper.make_node("MatMul", ["h1", "V"], ["y"]),
        helper.make_node("Reshape", ["h1", "own"], ["hn"]),
    ]
    real = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("h", real, shape), helper.make_tensor_value_info("x", real, [1, 4])],
        [helper.make_tensor_value_info("y", real, [1, 5]), helper.make_tensor_value_info("hn", real, shape)],
        [flat, own, *(numpy_helper.from_array(array, name) for array, name in ((W, "W"), (U, "U"), (V, "V")))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
