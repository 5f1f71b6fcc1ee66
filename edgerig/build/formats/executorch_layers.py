"""Layers of a torch graph that a recipe keeps in float by name, and whether the program written has as many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import fx

from edgerig.build.formats.executorch_equalize import CONVOLUTIONS, LINEAR, named_nodes
from edgerig.build.formats.layer_names import apart_note, meant, not_kept
from edgerig.build.formats.pte import Program
from edgerig.spec import RecipeSpec

TO_INTEGERS, FROM_INTEGERS = "quantized_decomposed.quantize_per_tensor", "quantized_decomposed.dequantize_per_tensor"
COMPUTING = frozenset(
    {"add", "sub", "mul", "relu", "hardtanh", "clamp", "elu", "max_pool2d", "mean", "adaptive_avg_pool2d"}
)
MOVING = frozenset({"cat", "permute", "transpose", "view", "reshape", "flatten", "squeeze", "unsqueeze", "slice"})
ON_INTEGERS = COMPUTING | MOVING
"""What XNNPACK's partitioner takes on integers (`STATIC_QUANT`, xnnpack/partition/config/generic_node_configs.py), by
the names before lowering: the mean over an image is its pooling, a view what reshapes."""
FUSING, FUSED = "add", "relu"
"""Taken together as one (`fused_act` there)."""


@dataclass(frozen=True)
class FloatLayers:
    """`asked`: layer's name → its node, of a graph of so many `layers`."""

    asked: Mapping[str, fx.Node]
    layers: int

    @classmethod
    def of(cls, graph: fx.GraphModule, recipe: RecipeSpec) -> FloatLayers:
        """Those of `graph`, whose batch norms are folded. Raises BuildError for a name that is no operator's."""
        named = named_nodes(graph)
        return cls({name: named[name] for name in meant(recipe, "executorch", list(named))}, len(named))

    @property
    def nodes(self) -> frozenset[str]:
        """What the graph calls them."""
        return frozenset(node.name for node in self.asked.values())

    def notes(self, quantized: fx.GraphModule) -> tuple[str, ...]:
        """What to say of them as found in the graph that was lowered: XNNPACK's partitioner takes dequantize, operator
        and quantize for one operator on integers (`GenericNodePartitionerConfig`, executorch), where it has a kernel.
        """
        there = {node.name: node for node in quantized.graph.nodes}
        between = [name for name, node in self.asked.items() if _between_integers(there.get(node.name))]
        said = apart_note([name for name in self.asked if name not in between], self.layers)
        if between:
            said += (f"float_layers: XNNPACK computes these in integers, as their neighbours: {', '.join(between)}",)
        return said

    def check(self, recipe: RecipeSpec, quantized: fx.GraphModule, program: Program) -> None:
        """Raises BuildError where one of them has no float weights in the graph that was lowered, or the program, which
        has no names, fewer operators with float weights than that graph has."""
        floats = {node.name for node in quantized.graph.nodes if _is_weighted(node) and not _in_integers(node)}
        weighted = {name for name, node in self.asked.items() if _is_weighted(node)}
        missing = {name for name in weighted if self.asked[name].name not in floats}
        if weighted and len(program.in_float(every=False)) < len(floats):
            missing = weighted
        if missing:
            raise not_kept(recipe, missing)


def _is_weighted(node: fx.Node) -> bool:
    return node.target in LINEAR or node.target in CONVOLUTIONS


def _in_integers(node: fx.Node) -> bool:
    """Are its weights read from integers?"""
    return "dequantize" in str(getattr(node.args[1], "target", ""))


def _between_integers(node: fx.Node | None) -> bool:
    if node is None or _kind(node) not in ON_INTEGERS:
        return False
    first = last = node
    source, users = node.args[0], list(node.users)
    if _kind(node) == FUSING and len(users) == 1 and _kind(users[0]) == FUSED:
        last = users[0]
    elif _kind(node) == FUSED and isinstance(source, fx.Node) and _kind(source) == FUSING and len(source.users) == 1:
        first = source
    read, given = [str(each.target) for each in first.all_input_nodes], [str(each.target) for each in last.users]
    return (
        bool(read and given)
        and all(target.startswith(FROM_INTEGERS) for target in read)
        and all(target.startswith(TO_INTEGERS) for target in given)
    )


def _kind(node: fx.Node) -> str:
    """`add` of `aten.add_.Tensor`."""
    return str(node.target).removeprefix("aten.").partition(".")[0].removesuffix("_")
