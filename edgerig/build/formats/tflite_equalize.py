"""Equalization of a float TFLite file: its operators as `build/equalize` sees them, and the weights written back."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgerig.build.equalize import balance
from edgerig.build.equalize.channels import Move, Shape, kept, pooled, reduced, reshaped, transposed
from edgerig.build.equalize.layers import Floats, Form, Layer, channels_last, depthwise_last
from edgerig.build.equalize.network import Operator as Step
from edgerig.build.equalize.network import Weighted, find
from edgerig.build.formats.layer_names import layer_names
from edgerig.build.formats.tflite_graph import Operator, constant, read, walk, write
from edgerig.build.formats.tflite_ranges import WEIGHTED, feed
from edgerig.build.source import Arrays
from edgerig.spec import RecipeSpec

LINEAR = frozenset({schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU})
"""Activations fused into an operator that are positively homogeneous."""
ACTIVATIONS = {value: name for name, value in vars(schema.ActivationFunctionType).items() if not name.startswith("_")}
SPATIAL = (1, 2)
"""Of NHWC."""
KEEPS = frozenset({"RELU", "LEAKY_RELU", "PRELU", "PAD", "MIRROR_PAD", "ABS", "NEG"})
JOINS = frozenset({"ADD", "SUB", "MAXIMUM", "MINIMUM"})
"""Of values alone: with a constant they are not homogeneous."""
FACTORS = frozenset({"MUL", "DIV"})
"""By a constant alone."""
POOLS = frozenset({"MAX_POOL_2D", "AVERAGE_POOL_2D"})
REDUCES = frozenset({"MEAN", "SUM", "REDUCE_MAX"})
RESHAPES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
"""Positively homogeneous operators (schema.fbs), by what becomes of channels in them."""
MOVED = KEEPS | POOLS | REDUCES | RESHAPES | {"TRANSPOSE", "DIV"}
"""What is moved is the first they read."""


def equalize(source: Path, recipe: RecipeSpec, samples: Sequence[Arrays], out: Path) -> tuple[str, ...]:
    """Writes `source`, a float file, equalized to `out`; what to note of it. `samples` are batches of one.

    Raises UnsupportedRecipe where no two layers can be, or where the file then computes something else.
    """
    graph = read(source)
    buffers = readers(graph)
    places, steps, forms = steps_of(graph, buffers)
    main = graph.subgraphs[0]
    found = find(steps, {str(int(i)) for i in main.outputs})
    if not found.chains:
        raise balance.nothing(recipe.name, found)
    layers = {step.name: step.weighted.layer for step in steps if step.weighted is not None}
    for name, layer in balance.balanced(layers, found.chains).items():
        store(graph, places[name], forms[name], layer, buffers)
    write(graph, out)
    some = samples[: balance.PROOF_SAMPLES]
    proved = balance.proof(outputs(source, some), outputs(out, some))
    if not proved.holds:
        raise balance.changed(recipe.name, proved)
    return balance.notes(found, proved)


def readers(graph: Any) -> Counter[int]:
    """How many operators of any subgraph read a buffer."""
    return Counter(graph.subgraphs[each.subgraph].tensors[i].buffer for each in walk(graph) for i in each.inputs)


def steps_of(graph: Any, buffers: Counter[int]) -> tuple[dict[str, Operator], list[Step], dict[str, Form]]:
    """The operators of the main subgraph: by name, as equalization sees them, and the form of each one's weights."""
    operators = [operator for operator in walk(graph) if operator.subgraph == 0]
    names = layer_names(operator.name for operator in operators)
    steps, forms = [], {}
    for name, operator in zip(names, operators, strict=True):
        reads = tuple(str(i) for i in operator.inputs if not _is_constant(graph, i))
        layer = _weighted(graph, operator, buffers)
        move = None
        if layer is not None:
            forms[name] = layer[1]
        else:
            move = _move(graph, operator, len(reads))
        weighted = None if layer is None else layer[0]
        steps.append(Step(name, operator.name, reads, tuple(map(str, operator.outputs)), weighted, move))
    return dict(zip(names, operators, strict=True)), steps, forms


def _weighted(graph: Any, operator: Operator, buffers: Counter[int]) -> tuple[Weighted, Form] | None:
    """An operator's weights, where they are constants of float32 and its data is not."""
    data, weights, bias = roles(graph, operator)
    values = constant(graph, operator, weights) if weights >= 0 else None
    offset = None if bias < 0 else constant(graph, operator, bias)
    if values is None or (bias >= 0 and offset is None) or _is_constant(graph, data):
        return None
    reads, gives = _shape(graph, data), _shape(graph, operator.outputs[0])
    form = None if reads is None or gives is None else _form(operator.name, values.shape, reads)
    if form is None or reads is None or gives is None:
        return None
    if operator.name == "FULLY_CONNECTED":  # it takes whatever it reads for rows
        reads = (int(np.prod(reads)) // values.shape[1], values.shape[1])
    layer = Layer(form.of(values), offset)
    if layer.inputs != reads[-1] or layer.outputs != gives[-1]:
        return None
    shared = buffers[graph.subgraphs[0].tensors[weights].buffer] > 1 or weights in graph.subgraphs[0].outputs
    fused = _fused(graph, operator)
    clipped = "" if fused in LINEAR else ACTIVATIONS[fused]
    return Weighted(layer, reads, gives, len(reads) - 1, len(gives) - 1, shared, clipped), form


def _form(kind: str, shape: Shape, reads: Shape) -> Form | None:
    if kind == "DEPTHWISE_CONV_2D":
        return depthwise_last(shape, reads[-1]) if shape[3] % reads[-1] == 0 else None
    if kind == "CONV_2D":
        groups = reads[-1] // shape[-1]
        return channels_last(shape, groups) if groups and shape[0] % groups == 0 else None
    return channels_last(shape, 1)


def _move(graph: Any, operator: Operator, reads: int) -> Move | None:
    """What becomes of channels in an operator that is positively homogeneous; None for any other. It `reads` so many
    values that are no constants."""
    shape, kind = _shape(graph, operator.outputs[0]), operator.name
    if kind in JOINS and reads == len(operator.inputs) and _fused(graph, operator) in LINEAR:
        return kept(shape)
    if reads != 1 or (kind in MOVED and _is_constant(graph, operator.inputs[0])):
        return None
    if kind in KEEPS or (kind in FACTORS and _fused(graph, operator) in LINEAR):
        return kept(shape)
    if kind in POOLS and _fused(graph, operator) in LINEAR:
        return pooled(shape, SPATIAL)
    if kind in RESHAPES:
        return reshaped(shape)
    if kind in REDUCES or kind == "TRANSPOSE":
        axes = _integers(graph, operator.inputs[1])
        if axes is not None:
            return transposed(axes) if kind == "TRANSPOSE" else reduced(shape, axes)
    return None


def roles(graph: Any, operator: Operator) -> tuple[int, int, int]:
    """The tensors an operator has for data, weights and bias; -1 for one that is not there."""
    raw = [int(i) for i in graph.subgraphs[0].operators[operator.index].inputs]
    roles = WEIGHTED.get(operator.name, (-1, -1, -1))
    data, weights, bias = (raw[role] if 0 <= role < len(raw) else -1 for role in roles)
    return data, weights, bias


def _fused(graph: Any, operator: Operator) -> int:
    options = graph.subgraphs[0].operators[operator.index].builtinOptions
    return int(getattr(options, "fusedActivationFunction", schema.ActivationFunctionType.NONE))


def _shape(graph: Any, tensor: int) -> Shape | None:
    found = graph.subgraphs[0].tensors[tensor]
    return None if found.shape is None else tuple(int(length) for length in found.shape)


def _is_constant(graph: Any, tensor: int) -> bool:
    data = graph.buffers[graph.subgraphs[0].tensors[tensor].buffer].data
    return data is not None and len(data) > 0


def _integers(graph: Any, tensor: int) -> tuple[int, ...] | None:
    """A constant of int32 or int64."""
    found = graph.subgraphs[0].tensors[tensor]
    types: dict[int, type[np.signedinteger[Any]]] = {
        schema.TensorType.INT32: np.int32,
        schema.TensorType.INT64: np.int64,
    }
    if not _is_constant(graph, tensor) or found.type not in types:
        return None
    data = np.asarray(graph.buffers[found.buffer].data, np.uint8).tobytes()
    return tuple(int(value) for value in np.frombuffer(data, types[found.type]))


def store(graph: Any, operator: Operator, form: Form, layer: Layer, buffers: Counter[int]) -> None:
    """Writes an operator's weights and bias, the latter into a tensor of its own where others read it too: converters
    keep one for all that are equal."""
    main = graph.subgraphs[0]
    _, weights, bias = roles(graph, operator)
    graph.buffers[main.tensors[weights].buffer].data = _bytes(form.back(layer.weight))
    if layer.bias is None:
        return
    if buffers[main.tensors[bias].buffer] > 1:
        own = copy.copy(main.tensors[bias])
        own.name, own.buffer = own.name + f"#{operator.index}".encode(), len(graph.buffers)
        graph.buffers.append(schema.BufferT())
        main.tensors.append(own)
        inputs = main.operators[operator.index].inputs
        place = [int(i) for i in inputs].index(bias)
        inputs[place] = bias = len(main.tensors) - 1
    graph.buffers[main.tensors[bias].buffer].data = _bytes(layer.bias)


def _bytes(values: Floats) -> npt.NDArray[np.uint8]:
    return np.frombuffer(np.ascontiguousarray(values, np.float32).tobytes(), np.uint8)


def outputs(path: Path, samples: Sequence[Arrays]) -> list[Arrays]:
    """The file's outputs on each sample."""
    interpreter = Interpreter(
        str(path), num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    rows: list[Arrays] = []
    for sample in samples:
        feed(interpreter, sample)
        interpreter.invoke()
        rows.append([interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()])
        interpreter.reset_all_variables()
    return rows
