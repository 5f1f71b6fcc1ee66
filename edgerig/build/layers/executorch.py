"""Two torch graphs side by side: the float one and the one PT2E made of it, each operator's value by its node's name.

A program's own values cannot be had: a delegate shows its outputs alone. What is looked at is the graph that a program
is lowered from, made again as the builder makes it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import fx, nn

from edgerig.build.calibration import Method
from edgerig.build.formats import samples_of, trace_inputs
from edgerig.build.formats.executorch_equalize import equalize, folded, named_nodes
from edgerig.build.formats.executorch_layers import FROM_INTEGERS, TO_INTEGERS, FloatLayers
from edgerig.build.formats.executorch_lowering import WEIGHTED_ALONE
from edgerig.build.formats.executorch_quantizer import (
    WEIGHTED,
    StaticQuantizer,
    StaticSettings,
    graph_of,
    quantized_graph,
)
from edgerig.build.formats.rounded import dequantized
from edgerig.build.layers.twins import Job, Pair, Twins
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel
from edgerig.errors import BuildError
from edgerig.measure.layers import Operator, Range, Values, Weights
from edgerig.results import Artifact
from edgerig.spec import RecipeSpec

METHOD = "the PT2E graph on this host, in torch, before it is lowered (a delegate shows no values of its own)"
FEW_AXES = 3
"""With more, torch has channels second."""
ACTIVATIONS = frozenset({"relu", "relu_", "hardtanh", "hardtanh_"})
"""What the quantizer fuses with the layer before it: of these two the range is taken behind the second."""


def twins(job: Job) -> Twins:
    """The source's graph and what PT2E makes of it by the recipe. Raises BuildError for one that is made otherwise."""
    if job.recipe.kind != "int8-static":
        raise BuildError(
            f"{job.recipe.name}: ExecuTorch's layers are looked at in the graph that static quantization makes",
            hint="choose int8-static, or this recipe in another format",
        )
    source = job.source()
    milder = job.program is not None and any(note.startswith(WEIGHTED_ALONE) for note in job.program.notes)
    ours, theirs = graphs(source, job.recipe, job.calibration(source), elementwise=not milder)
    return replace(side_by_side(ours, theirs), notes=compared(theirs, job.program))


def compared(graph: fx.GraphModule, program: Artifact | None) -> tuple[str, ...]:
    """What to note of whether the program was made of that graph: a builder leaves more in float32 where lowering turns
    out to have no kernel for it."""
    if program is None:
        return (
            "no program was at hand to compare with: one with layers that XNNPACK did not take has more in float32",
        )
    held, looked = program.constants.get("int8", 0), _integer_bytes(graph)
    if held >= looked:
        return ()
    return (
        f"the program has {held} bytes of int8 weights, the graph that is looked at {looked}: it has layers in float32 "
        "that are in integers here",
    )


def _integer_bytes(graph: fx.GraphModule) -> int:
    """Of the weights that layers read dequantized."""
    found = {}
    for node in graph.graph.nodes:
        values = _tensor(graph, node.args[0]) if "dequantize" in str(node.target) else None
        if values is not None and values.dtype == np.int8:
            found[str(node.args[0].target)] = values.nbytes
    return sum(found.values())


def graphs(
    source: SourceModel, recipe: RecipeSpec, calibration: Arrays, *, elementwise: bool = True
) -> tuple[fx.GraphModule, fx.GraphModule]:
    """The float graph of a source, its batch norms folded and equalized where the recipe says so, and the one that PT2E
    makes of it by a static recipe; `elementwise`: also of operators without weights."""
    module: nn.Module = find_route(source.spec.source, "executorch")(source)
    samples = tuple(torch.from_numpy(array) for array in trace_inputs(source))
    graph = folded(graph_of(torch.export.export(module.eval(), samples)))
    if recipe.options.equalize:
        equalize(graph, recipe, samples_of(calibration, source.spec.inputs))
    settings = StaticSettings(Method.of(recipe, "executorch"), per_tensor=recipe.options.per_tensor)
    quantizer = StaticQuantizer(FloatLayers.of(graph, recipe).nodes, settings, elementwise=elementwise)
    return graph, quantized_graph(copy.deepcopy(graph), quantizer, samples_of(calibration, source.spec.inputs))


def side_by_side(ours: fx.GraphModule, theirs: fx.GraphModule) -> Twins:
    """As `graphs` gives them."""
    named = named_nodes(ours)
    read = dict(_read_as(theirs))
    there = {node.name for node in theirs.graph.nodes}
    fed = tuple(node.name for node in ours.graph.nodes if node.op == "placeholder")
    taken = {name: read.get(name, name) for name in (*fed, *(node.name for node in named.values())) if name in there}
    fused = {node.name for node in named.values() if _fused(node, read)}
    tensors = {name: at for name, at in taken.items() if name not in fused}
    return Twins(
        method=METHOD,
        operators=tuple(
            Operator(name, _kind(node), tuple(n.name for n in node.all_input_nodes if n.op != "get_attr"), (node.name,))
            for name, node in named.items()
        ),
        inputs=fed,
        weights=dict(_weights(ours, theirs, named)),
        ranges=dict(_ranges(theirs, tensors)),
        axis=lambda values: 1 if values.ndim > FEW_AXES else values.ndim - 1,
        run=partial(_run, ours, theirs, tensors),
    )


def _kind(node: fx.Node) -> str:
    """`conv2d` of `aten.conv2d.default`."""
    return str(node.target).removeprefix("aten.").partition(".")[0]


def _read_as(graph: fx.GraphModule) -> Iterator[tuple[str, str]]:
    """Of each node whose value is made integers of: the node that gives it back to its readers."""
    for node in graph.graph.nodes:
        for user in node.users:
            if str(user.target).startswith(TO_INTEGERS):
                back = next((each for each in user.users if str(each.target).startswith(FROM_INTEGERS)), None)
                if back is not None:
                    yield node.name, back.name


def _fused(node: fx.Node, read: dict[str, str]) -> bool:
    """Is the value computed with the activation behind it, which alone is made integers of?"""
    users = list(node.users)
    return len(users) == 1 and _kind(users[0]) in ACTIVATIONS and users[0].name in read and node.name not in read


class _Recorder(fx.Interpreter):  # type: ignore[misc]  # torch is Any to the type checker
    """Runs a graph and keeps what the nodes of the given names give."""

    def __init__(self, graph: fx.GraphModule, names: set[str]) -> None:
        super().__init__(graph)
        self._names = names
        self.values: dict[str, Values] = {}

    def run_node(self, node: fx.Node) -> Any:
        value = super().run_node(node)
        if node.name in self._names and isinstance(value, torch.Tensor) and value.is_floating_point():
            self.values[node.name] = value.detach().float().numpy().copy()
        return value


def _run(ours: fx.GraphModule, theirs: fx.GraphModule, tensors: dict[str, str], sample: Arrays) -> Iterator[Pair]:
    found = []
    for graph, names in ((ours, set(tensors)), (theirs, set(tensors.values()))):
        recorder = _Recorder(graph, names)
        with torch.no_grad():
            recorder.run(*(torch.from_numpy(np.array(array)) for array in sample))
        found.append(recorder.values)
    for name, there in tensors.items():
        if name in found[0] and there in found[1]:
            yield name, found[0][name], found[1][there]


def _ranges(graph: fx.GraphModule, tensors: dict[str, str]) -> Iterator[tuple[str, Range]]:
    nodes = {node.name: node for node in graph.graph.nodes}
    for name, there in tensors.items():
        node = nodes[there]
        if str(node.target).startswith(FROM_INTEGERS) and not any(isinstance(each, fx.Node) for each in node.args[1:]):
            scale, zero, least, largest = node.args[1:5]
            yield name, Range((least - zero) * scale, (largest - zero) * scale, scale)


def _weights(
    ours: fx.GraphModule, theirs: fx.GraphModule, operators: Mapping[str, fx.Node]
) -> Iterator[tuple[str, Weights]]:
    """Of the layers with weights, in both graphs, by their nodes' name."""
    others = {node.name: node for node in theirs.graph.nodes}
    for name, node in operators.items():
        other = others.get(node.name)
        if node.target not in WEIGHTED or other is None or len(other.args) < 2:
            continue
        own, found = _tensor(ours, node.args[1]), _stored(theirs, other.args[1])
        if own is not None and found is not None and found.quantized.shape == own.shape:
            yield name, replace(found, float=own)


def _stored(graph: fx.GraphModule, node: Any) -> Weights | None:
    """Weights behind `dequantize_per_channel(stored, scales, zeros, axis, …)` or `dequantize_per_tensor(stored, scale,
    zero, …)` (torch.ops.quantized_decomposed)."""
    if not isinstance(node, fx.Node) or "dequantize" not in str(node.target):
        return None
    stored = _tensor(graph, node.args[0])
    if stored is None:
        return None
    if "per_channel" in str(node.target):
        scales, zeros = _tensor(graph, node.args[1]), _tensor(graph, node.args[2])
        return None if scales is None or zeros is None else dequantized(stored, scales, zeros, int(node.args[3]))
    return dequantized(stored, np.asarray(node.args[1]), np.asarray(node.args[2]), 0)


def _tensor(graph: fx.GraphModule, node: Any) -> npt.NDArray[Any] | None:
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    value: Any = graph
    for part in str(node.target).split("."):
        value = getattr(value, part)
    array: npt.NDArray[Any] = value.detach().numpy()
    return array
