"""The operators of an ONNX graph that make a spectrogram of sound (`spectrum`)."""

from __future__ import annotations

import onnx
from onnx import numpy_helper

from edgerig.build.formats.onnx_graph import consumers, held
from edgerig.build.formats.spectrum import Step, front_end

LEVELS = frozenset({"Log", "Sqrt", "Pow"})


def spectral(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Those between the inputs and the levels, and what reads magnitudes."""
    nodes, constants = model.graph.node, held(model)
    steps = [
        Step(node.op_type, tuple(node.input), tuple(node.output), _exponent(node, constants) if node.input else None)
        for node in nodes
    ]
    return [nodes[index] for index in sorted(front_end(steps))]


def with_levels(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The same, and the operators that take the level of what they give."""
    found, readers = spectral(model), consumers(model)
    given = [name for node in found for name in node.output]
    levels = [reader for name in given for reader in readers.get(name, []) if reader.op_type in LEVELS]
    return [*found, *(level for level in levels if level not in found)]


def _exponent(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> float | None:
    power = constants.get(node.input[1]) if node.op_type == "Pow" else None
    value = None if power is None else numpy_helper.to_array(power)
    return float(value.flat[0]) if value is not None and value.size == 1 else None
