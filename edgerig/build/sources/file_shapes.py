"""Copies of .onnx and .tflite files whose axes are fixed: what converters and quantizers start from."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnx
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.tools import flatbuffer_utils

from edgerig.errors import BuildError
from edgerig.spec import ModelSpec, Shape, nearest


def fix_onnx(spec: ModelSpec, path: Path, graph: onnx.GraphProto, inputs: Sequence[onnx.ValueInfoProto]) -> None:
    """Gives the inputs' axes the lengths that the model's `inputs` or `shapes` say, the first one 1 where it has none.
    Each by itself: axes of one name may differ where the graph does not say otherwise. Raises BuildError."""
    # The lengths that each name has got, "" being that of a first axis.
    named: dict[str, set[int]] = {}
    given = {tensor.name: tensor.shape for tensor in spec.inputs} | spec.shapes
    if unknown := set(given) - {tensor.name for tensor in inputs}:
        raise BuildError(
            f'{path}: it has no input "{min(unknown)}"', hint=nearest(min(unknown), [each.name for each in inputs])
        )
    for tensor in inputs:
        axes = [axis.dim_value or -1 for axis in tensor.type.tensor_type.shape.dim]
        first = [1 if length == -1 else length for length in axes[:1]]
        wanted = given.get(tensor.name, (*first, *axes[1:]))
        if -1 in wanted:
            raise BuildError(
                f'{path}: input "{tensor.name}" has a dynamic shape {axes} and no size is given for it',
                hint=f"give the lengths: --shape {tensor.name}={'x'.join('N' if n == -1 else str(n) for n in wanted)}, "
                f'or in a model.toml, [[inputs]] name = "{tensor.name}" and shape = [1, …]',
            )
        if len(wanted) != len(axes) or any(a not in (-1, w) for a, w in zip(axes, wanted, strict=True)):
            said = "--shape" if tensor.name in spec.shapes else "model.toml"
            raise BuildError(
                f'{path}: input "{tensor.name}" has shape {axes}, {said} says {list(wanted)}',
                hint='correct the "shape" under [[inputs]]; cells run batch size 1',
            )
        for place, (axis, length) in enumerate(zip(tensor.type.tensor_type.shape.dim, wanted, strict=True)):
            if not axis.dim_value:
                named.setdefault(axis.dim_param or f"{tensor.name}.{place}", set()).add(length)
                if place == 0:
                    named.setdefault("", set()).add(length)
            axis.dim_value = length
    _close(graph, named)


def _close(graph: onnx.GraphProto, named: dict[str, set[int]]) -> None:
    """Gives every other axis of a name of theirs the length the inputs have got, where that is one; what is left open
    is for shape inference to find, but for the outputs' batch."""
    for tensor in (*graph.value_info, *graph.output):
        for place, axis in enumerate(tensor.type.tensor_type.shape.dim):
            lengths = named.get(axis.dim_param, set()) if any(c.isalnum() for c in axis.dim_param) else set()
            if len(lengths) == 1:
                axis.dim_value = min(lengths)
            elif not axis.dim_value:
                axis.ClearField("dim_param")
                if place == 0 and named.get("") == {1} and tensor in graph.output:
                    axis.dim_value = 1


def fix_tflite(path: Path, shapes: Sequence[Shape]) -> Path:
    """A copy of the file whose main subgraph has these input shapes, and of every tensor the one that follows, as far
    as that is known before an inference."""
    interpreter = Interpreter(
        str(path), num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    for details, shape in zip(interpreter.get_input_details(), shapes, strict=True):
        interpreter.resize_tensor_input(details["index"], shape)
    interpreter.allocate_tensors()
    graph = flatbuffer_utils.read_model(str(path))
    tensors = graph.subgraphs[0].tensors
    for details in interpreter.get_tensor_details():
        found = [int(length) for length in details["shape"]]
        # One that the data decides has no axes yet; the interpreter's own scratch memory stands behind the file's.
        if details["index"] < len(tensors) and (found or not len(details["shape_signature"])):
            tensors[details["index"]].shape = found
            tensors[details["index"]].shapeSignature = None
    fixed = Path(tempfile.mkdtemp(prefix="edgerig-tflite-")) / "static.tflite"
    flatbuffer_utils.write_model(graph, str(fixed))
    return fixed
