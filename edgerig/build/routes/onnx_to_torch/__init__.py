"""An ONNX graph rebuilt as a torch module, operator by operator: the way from ONNX to formats that start from torch.

The converters there are for it (onnx2torch, onnx2pytorch) need torchvision, which has no CPU build beside this torch.
What is known beforehand, shapes above all, ONNX Runtime has computed by then (`onnx_float.prepare`). A module's weights
are its parameters, a matrix product by a constant is an `nn.Linear`, so that the recipes find what they quantize;
whether the module computes what the file does, every build asks (`check.py`).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from edgerig.build.formats import onnx_float
from edgerig.build.formats.onnx_graph import input_tensors
from edgerig.build.onnx_weights import copy_whole
from edgerig.build.routes.onnx_to_torch import arithmetic, layers, shape
from edgerig.build.routes.onnx_to_torch.node import Node, Operation
from edgerig.build.routes.onnx_to_torch.norms import unit_variances
from edgerig.build.source import SourceModel
from edgerig.build.sources.file import float_file
from edgerig.errors import UnsupportedRecipe

OPERATORS = {**arithmetic.OPERATORS, **layers.OPERATORS, **shape.OPERATORS}
STANDARD = ("", "ai.onnx")


def rebuild(model: SourceModel) -> nn.Module:
    """The source's network as a torch module, in inference mode. Raises UnsupportedRecipe naming the operators that
    have no such form."""
    with tempfile.TemporaryDirectory(prefix="edgerig-onnx-torch-") as folder:
        plain, prepared = Path(folder) / "float32.onnx", Path(folder) / "prepared.onnx"
        copy_whole(float_file(model), plain)
        onnx_float.settle(plain)
        onnx_float.prepare(plain, prepared)
        graph = onnx.load(prepared).graph
    unit_variances(graph)
    return Rebuilt(graph).eval()


class Rebuilt(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """Runs the operators of `graph` in order. Inputs and outputs are the graph's, in order."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        super().__init__()
        unknown = Counter(n.op_type for n in graph.node if n.domain not in STANDARD or n.op_type not in OPERATORS)
        if unknown:
            raise UnsupportedRecipe(
                f"nothing here rebuilds the ONNX operators {', '.join(sorted(unknown))} in torch",
                hint="bring the torch model the file was made of, or build ONNX from it",
            )
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self._inputs = [tensor.name for tensor in input_tensors(onnx.ModelProto(graph=graph))]
        self._outputs = [tensor.name for tensor in graph.output]
        self._nodes: list[tuple[Node, Operation | str]] = []
        self.linears = nn.ModuleDict()
        for index, proto in enumerate(graph.node):
            node = _read(proto, constants)
            linear = _linear(node)
            if linear is None:
                self._nodes.append((node, OPERATORS[node.kind](node)))
            else:  # by its name: a quantizer may put another layer in its place
                self.linears[f"linear_{index}"] = linear
                self._nodes.append((node, f"linear_{index}"))
        self._stored = self._keep(constants)
        self.register_buffer("_like", torch.zeros(1))

    def forward(self, *given: torch.Tensor) -> Any:
        values: dict[str, Any] = dict(zip(self._inputs, given, strict=True))
        values |= {name: getattr(self, own) for name, own in self._stored.items()}
        for node, operation in self._nodes:
            if isinstance(operation, str):
                found = self.linears[operation](values[node.inputs[0]])
            elif node.kind == "Cast":
                found = operation(values[node.inputs[0]], self._like.dtype)
            else:
                found = operation(*(values[name] if name else None for name in node.inputs))
            values |= zip(node.outputs, found if isinstance(found, tuple) else (found,), strict=False)
        outputs = tuple(values[name] for name in self._outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def _keep(self, constants: dict[str, np.ndarray[Any, Any]]) -> dict[str, str]:
        """The constants that operators read as values, as parameters and buffers; their names here."""
        read = {name for node, each in self._nodes if not isinstance(each, str) for name in node.inputs}
        kept = {}
        for index, name in enumerate(sorted((read | set(self._outputs)) & constants.keys())):
            value, own = torch.from_numpy(np.array(constants[name], order="C")), f"constant_{index}"
            if value.is_floating_point():
                self.register_parameter(own, nn.Parameter(value, requires_grad=False))
            else:
                self.register_buffer(own, value)
            kept[name] = own
        return kept


def _read(proto: onnx.NodeProto, constants: dict[str, np.ndarray[Any, Any]]) -> Node:
    attributes = {a.name: _plain(helper.get_attribute_value(a)) for a in proto.attribute}
    known = {index: constants[name] for index, name in enumerate(proto.input) if name in constants}
    return Node(proto.op_type, proto.name, attributes, tuple(proto.input), tuple(proto.output), known)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else value


def _linear(node: Node) -> nn.Linear | None:
    """A matrix product by constant weights of two axes, as a layer; None for another operator."""
    weight = node.constants.get(1)
    if node.kind not in ("MatMul", "Gemm") or weight is None or weight.ndim != 2 or weight.dtype != np.float32:
        return None
    bias = node.constants.get(2)
    if node.kind == "Gemm":
        factors = [float(node.get(name, 1.0)) for name in ("alpha", "beta")]
        if factors != [1.0, 1.0] or node.get("transA", 0) or (node.has(2) and (bias is None or bias.ndim != 1)):
            return None
    columns = weight if node.get("transB", 0) else weight.T
    if bias is not None and bias.shape != (columns.shape[0],):
        return None
    linear = nn.Linear(columns.shape[1], columns.shape[0], bias=bias is not None)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.array(columns, order="C")))
        if bias is not None:
            linear.bias.copy_(torch.from_numpy(np.array(bias)))
    return linear
