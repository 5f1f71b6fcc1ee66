"""What of a quantized graph computes in float all the same, for want of an integer kernel."""

from __future__ import annotations

from collections import Counter

import onnx

from edgerig.build.formats.onnx_graph import WEIGHT_INPUTS, producers

NO_INTEGER_KERNEL = frozenset({"ConvTranspose"})
"""Operators that keep 8-bit weights in the file and multiply in float: ONNX Runtime's CPU provider has no integer
kernel of theirs (onnxruntime/core/providers/cpu/cpu_execution_provider.cc)."""


def computed_in_float(model: onnx.ModelProto) -> tuple[str, ...]:
    """A note naming the operators whose 8-bit weights are dequantized before each product; () when there are none."""
    makers = producers(model)
    found = Counter(
        node.op_type
        for node in model.graph.node
        if node.op_type in NO_INTEGER_KERNEL
        for index in WEIGHT_INPUTS[node.op_type]
        if (maker := makers.get(node.input[index])) is not None and maker.op_type == "DequantizeLinear"
    )
    names = ", ".join(f"{name} ({count})" for name, count in sorted(found.items()))
    return (f"8-bit weights, computed in float32: {names}",) if found else ()
