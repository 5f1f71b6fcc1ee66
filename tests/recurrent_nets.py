"""Small networks with state: one whose state is an input and an output, in every kind of model, and TFLite files that
keep theirs themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]
RNG = np.random.default_rng(0)
W, V = (RNG.standard_normal(shape).astype(np.float32) for shape in ((4, 8), (8, 5)))
U = (0.5 * RNG.standard_normal((8, 8))).astype(np.float32)
INITIAL = 0.25


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


def recurrent_keras() -> Any:
    """The same as a Keras model, its tensors called x, h, y and hn."""
    import keras

    x, h = keras.Input(batch_shape=(1, 4), name="x"), keras.Input(batch_shape=(1, 8), name="h")
    into, back, out = (keras.layers.Dense(n, use_bias=False, name=f"d{i}") for i, n in enumerate((8, 8, 5)))
    hn = keras.layers.Activation("tanh", name="hn")(keras.layers.Add()([into(x), back(h)]))
    model = keras.Model([x, h], [keras.layers.Identity(name="y")(out(hn)), hn])
    for layer, weights in ((into, W), (back, U), (out, V)):
        layer.set_weights([weights])
    return model


def recurrent_module() -> Any:
    """The same as a TensorFlow module: its `step` is (x, h) → (y, hn); its `run`, x → y, has h in a variable of its
    own, which begins as INITIAL."""
    import tensorflow as tf

    w, u, v = (tf.constant(array) for array in (W, U, V))
    net = tf.Module()
    net.h = tf.Variable(tf.fill((1, 8), INITIAL))

    def step(x: Any, h: Any) -> dict[str, Any]:
        hn = tf.tanh(x @ w + h @ u)
        return {"y": hn @ v, "hn": hn}

    def run(x: Any) -> dict[str, Any]:
        net.h.assign(tf.tanh(x @ w + net.h @ u))
        return {"y": net.h @ v}

    x, h = tf.TensorSpec((1, 4), tf.float32, "x"), tf.TensorSpec((1, 8), tf.float32, "h")
    net.step = tf.function(step, input_signature=[x, h])
    net.run = tf.function(run, input_signature=[x])
    return net


def recurrent_tflite(path: Path, *, variable: bool = False) -> None:
    import tensorflow as tf

    net = recurrent_module()
    entry = net.run if variable else net.step
    converter = tf.lite.TFLiteConverter.from_concrete_functions([entry.get_concrete_function()], net)
    converter.experimental_enable_resource_variables = variable
    path.write_bytes(converter.convert())


def recurrent_pte(path: Path) -> None:
    """The same as an ExecuTorch program, whose tensors have no names: input0 is x, input1 h, output0 y, output1 hn."""
    import torch
    from executorch.exir import to_edge

    w, u, v = (torch.from_numpy(array) for array in (W, U, V))

    class Net(torch.nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
        def forward(self, x: Any, h: Any) -> Any:
            hn = torch.tanh(x @ w + h @ u)
            return hn @ v, hn

    program = torch.export.export(Net().eval(), (torch.zeros(1, 4), torch.zeros(1, 8)))
    path.write_bytes(to_edge(program).to_executorch().buffer)


def steps_of(xs: Array, length: int) -> Array:
    """The network's outputs (N, 5) on (N, 4), the state begun anew, as INITIAL, every `length` steps."""
    found, first = [], np.full(8, INITIAL, np.float32)
    state = first
    for index, x in enumerate(xs):
        state = np.tanh(x @ W + (first if index % length == 0 else state) @ U)
        found.append(state @ V)
    return np.array(found)


def counting_tflite(path: Path) -> None:
    """Three signatures: "add" gives the sum of all it was given, "less" that sum with the other sign, "plain" twice its
    input. The first two have one variable between them."""
    import tensorflow as tf

    net = tf.Module()
    net.sum = tf.Variable(tf.zeros((1, 4)))
    given = tf.TensorSpec((1, 4), tf.float32, "x")
    net.add = tf.function(lambda x: {"y": net.sum.assign_add(x)}, input_signature=[given])
    net.less = tf.function(lambda x: {"y": -net.sum.assign_add(x)}, input_signature=[given])
    net.plain = tf.function(lambda x: {"y": x * 2.0}, input_signature=[given])
    entries = {"add": net.add, "less": net.less, "plain": net.plain}
    saved = path.parent / f"{path.stem}-saved"
    tf.saved_model.save(net, str(saved), signatures=entries)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved), signature_keys=["plain", "less", "add"])
    converter.experimental_enable_resource_variables = True
    path.write_bytes(converter.convert())


MEMORY, UNITS = 3, 5
FEATURES, TIMES, OFFSET = (RNG.standard_normal(shape).astype(np.float32) for shape in ((5, 4), (5, MEMORY), (5,)))
INTO, BACK, BIAS = (RNG.standard_normal(shape).astype(np.float32) * 0.5 for shape in ((4, 5, 4), (4, 5, 5), (4, 5)))


def svdf_tflite(path: Path) -> None:
    """A singular value decomposition filter of rank 1, whose state tensor has the last MEMORY steps: x (1, 4) → y
    (1, 5)."""
    from ai_edge_litert import schema_py_generated as schema

    options = schema.SVDFOptionsT()
    options.rank = 1
    tensors = {"x": (1, 4), "features": FEATURES, "times": TIMES, "bias": OFFSET, "state": (1, MEMORY * UNITS)}
    _one_operator(path, "SVDF", options, tensors | {"y": (1, UNITS)}, ["state"], list(tensors))


def svdf_steps(xs: Array) -> Array:
    """What it gives (N, 5) on (N, 4) from its beginning (kernel: svdf.cc, EvalFloatSVDF)."""
    state, found = np.zeros((UNITS, MEMORY)), []
    for x in xs:
        state = np.concatenate([state[:, 1:], (FEATURES @ x)[:, None]], axis=1)
        found.append((state * TIMES).sum(axis=1) + OFFSET)
    return np.array(found, np.float32)


def lstm_tflite(path: Path) -> None:
    """A fused LSTM of one step per inference, whose state tensors have h and c: x (1, 1, 4) → y (1, 1, 5)."""
    from ai_edge_litert import schema_py_generated as schema

    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    several = {"into": INTO, "back": BACK, "bias": BIAS}
    weights = {f"{name}{gate}": array[gate] for name, array in several.items() for gate in range(4)}
    states = ["h", "c"]
    tensors = {"x": (1, 1, 4), **weights, **dict.fromkeys(states, (1, UNITS)), "y": (1, 1, UNITS)}
    named = list(weights)
    given = ["x", *named[:8], None, None, None, *named[8:], None, None, *states, None, None, None, None]
    _one_operator(path, "UNIDIRECTIONAL_SEQUENCE_LSTM", options, tensors, states, given)


def lstm_steps(xs: Array) -> Array:
    """What it gives (N, 5) on (N, 4) from its beginning; gates in the operator's order: input, forget, cell, output."""
    h = c = np.zeros(UNITS)
    found = []
    for x in xs:
        i, f, g, o = INTO @ x + BACK @ h + BIAS
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        found.append(h)
    return np.array(found, np.float32)


def _one_operator(
    path: Path, operator: str, options: Any, tensors: dict[str, Any], states: list[str], given: list[str | None]
) -> None:
    """Writes a file of one operator. A tensor is its shape or, a constant, its values; the first one is the input, the
    last one the output."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model, graph, code, node = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT(), schema.OperatorT()
    model.version, model.buffers, graph.tensors = 3, [schema.BufferT()], []
    places = {name: place for place, name in enumerate(tensors)}
    for name, value in tensors.items():
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.isVariable = name.encode(), schema.TensorType.FLOAT32, name in states
        tensor.shape, tensor.buffer = list(value.shape if isinstance(value, np.ndarray) else value), 0
        if isinstance(value, np.ndarray):
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(value.tobytes(), np.uint8)
            tensor.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(tensor)
    node.inputs, node.outputs = [-1 if name is None else places[name] for name in given], [len(places) - 1]
    node.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    node.builtinOptions = options
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, operator)
    graph.operators, graph.inputs, graph.outputs = [node], [0], [len(places) - 1]
    model.operatorCodes, model.subgraphs = [code], [graph]
    flatbuffer_utils.write_model(model, str(path))
