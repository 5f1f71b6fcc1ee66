"""A quantized torch graph to an ExecuTorch program that runs and computes what the graph computes.

What XNNPACK's partitioner takes, and what its runtime then accepts, are two rules apart from the quantizer's. So each
program is looked at after lowering: layers whose int8 weights no kernel takes are left in float and named; a program
that does not run on a sample, or computes something else than its own graph does, is built again with a milder plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import EdgeProgramManager, to_edge_transform_and_lower
from executorch.runtime import Runtime
from torch import fx

from edgerig.build.formats import first_words
from edgerig.build.formats.pte_graph import layer_names
from edgerig.errors import BuildError, UnsupportedRecipe

ROUNDS = 3
"""Lowerings of one plan: a layer may turn out to be without a kernel only when its neighbour is float."""
FAITHFUL = 0.5
"""Relative error of a program against its own quantized graph: rounding makes 0.1 in deep networks, a wrong layout 1.
"""
WEIGHTED_ALONE = "all but layers with weights stay in float32"
"""The milder plan, as notes of a program name it."""
DEQUANTIZE = torch.ops.quantized_decomposed.dequantize_per_tensor.default
LOOSE = ("quantized_decomposed.", "torchao.")


@dataclass(frozen=True)
class Plan:
    """`quantize` gives the quantized graph, with the operators of the given names left in float; `note` says what the
    plan leaves in float for all."""

    quantize: Callable[[frozenset[str]], fx.GraphModule]
    note: str = ""


@dataclass(frozen=True)
class Lowered:
    """The graph a program is of, what to note of it, and what its layers are called, by debug handle."""

    graph: fx.GraphModule
    notes: tuple[str, ...]
    names: dict[int, str]


def lower_quantized(
    recipe: str, plans: Sequence[Plan], samples: Callable[[], tuple[torch.Tensor, ...]], out: Path
) -> Lowered:
    """Writes the program of the first plan that holds to `out`.

    Raises UnsupportedRecipe when quantized operators are left without a kernel whatever is tried, BuildError when no
    plan's program runs.
    """
    failures: list[str] = []
    for plan in plans:
        graph, loose, names = _lower(plan, samples, out)
        if loose:
            failures.append(f"XNNPACK did not take over {loose}")
            continue
        wrong = _wrong(graph, samples, out)
        if wrong is None:
            milder = (f"{plan.note}: otherwise {failures[0]}",) if plan.note and failures else ()
            return Lowered(graph, milder, names)
        failures.append(wrong)
    if all(failure.startswith("XNNPACK") for failure in failures):
        raise UnsupportedRecipe(
            f"{recipe}: {failures[-1]}", hint="choose fp32 or fp16, or replace the layers around these operators"
        )
    raise BuildError(
        f"{recipe}: {failures[-1]}", hint="choose fp32 or fp16; the build's log has the runtime's own words"
    )


def _lower(
    plan: Plan, samples: Callable[[], tuple[torch.Tensor, ...]], out: Path
) -> tuple[fx.GraphModule, str, dict[int, str]]:
    """The graph written, the quantized operators no kernel takes in it ("" when there are none), its layers' names."""
    float_nodes: frozenset[str] = frozenset()
    for _ in range(ROUNDS):
        graph = plan.quantize(float_nodes)
        edge = _edge(graph, samples())
        loose = Counter(name for name in _outside(edge) if name.startswith(LOOSE))
        readers = _readers(graph, _loose_weights(edge))
        if not loose:
            out.write_bytes(edge.to_executorch().buffer)
        if not loose or not readers - float_nodes:
            break
        float_nodes |= readers
    return graph, ", ".join(f"{name} ({count})" for name, count in sorted(loose.items())), layer_names(edge)


def _edge(graph: fx.GraphModule, sample: tuple[torch.Tensor, ...]) -> EdgeProgramManager:
    """`graph` lowered; when the backend's own pass for layouts fails on it, with a dequantization for each reader.

    Where one serves a reader inside a delegate and one outside, which want different layouts, that pass hands the
    second what it made for the first and then misses its shape (`insert_copy_q_dq`).
    """
    try:
        return to_edge_transform_and_lower(torch.export.export(graph, sample), partitioner=[XnnpackPartitioner()])
    except Exception:  # a pass's error, wrapped in a plain Exception; what is not of this kind is raised again below
        if not _one_reader_each(graph):
            raise
    return to_edge_transform_and_lower(torch.export.export(graph, sample), partitioner=[XnnpackPartitioner()])


def _one_reader_each(graph: fx.GraphModule) -> int:
    """Gives each reader of a dequantization one of its own, in place; how many were added."""
    shared = [(node, list(node.users)[1:]) for node in graph.graph.nodes if node.target is DEQUANTIZE]
    for node, readers in shared:
        for reader in readers:
            with graph.graph.inserting_after(node):
                own = graph.graph.node_copy(node)
            reader.replace_input_with(node, own)
    graph.recompile()
    return sum(len(readers) for _, readers in shared)


def _outside(edge: EdgeProgramManager) -> Iterator[str]:
    """The names of the operators outside delegates, as `namespace.operator`."""
    for node in edge.exported_program().graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if node.op == "call_function" and schema is not None:
            yield schema.name.replace("::", ".")


def _loose_weights(edge: EdgeProgramManager) -> set[str]:
    """The attributes holding weights that are dequantized outside delegates."""
    program = edge.exported_program()
    signature = program.graph_signature
    attributes = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    loose = (node for node in program.graph.nodes if "dequantize_per_channel" in str(node.target))
    return {attributes[node.args[0].name] for node in loose if node.args[0].name in attributes}


def _readers(graph: fx.GraphModule, attributes: set[str]) -> frozenset[str]:
    """The operators of `graph` whose weights the attributes are."""
    stored = [node for node in graph.graph.nodes if node.op == "get_attr" and str(node.target) in attributes]
    return frozenset(reader.name for node in stored for dequantized in node.users for reader in dequantized.users)


def _wrong(graph: fx.GraphModule, samples: Callable[[], tuple[torch.Tensor, ...]], path: Path) -> str | None:
    """What is wrong with the program at `path`, None when it does what `graph` does on the sample."""
    try:
        method = Runtime.get().load_program(str(path)).load_method("forward")
        if method is None:
            return "the program has no forward method"
        ours = method.execute(list(samples()))
    except Exception as error:  # the binding raises what the runtime says
        return f"the program does not run: {first_words(error)}"
    with torch.no_grad():
        returned = graph(*samples())
    theirs: Sequence[Any] = [returned] if isinstance(returned, torch.Tensor) else list(returned)
    for index, (built, expected) in enumerate(zip(ours, theirs, strict=True)):
        difference = _relative_error(built, expected)
        if not difference <= FAITHFUL:
            return f"output {index} of the program is not its graph's (relative error {difference:.2g})"
    return None


def _relative_error(built: torch.Tensor, expected: torch.Tensor) -> float:
    """0 for outputs that are not real, and for those that are not finite where the graph's are not either."""
    if not expected.is_floating_point() or not bool(torch.isfinite(expected).all()):
        return 0.0
    norm = float(expected.double().norm())
    return float((built.double() - expected.double()).norm()) / norm if norm else 0.0
