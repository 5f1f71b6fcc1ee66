"""Layers of a torch graph that a recipe keeps in float by name, and whether the program written has as many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import fx

from edgerig.build.formats.executorch_equalize import CONVOLUTIONS, LINEAR, named_nodes
from edgerig.build.formats.layer_names import float_note, kept_in_float, not_kept
from edgerig.build.formats.pte import Program
from edgerig.spec import RecipeSpec


@dataclass(frozen=True)
class FloatLayers:
    """`asked`: layer's name → its node, of a graph of so many `layers`."""

    asked: Mapping[str, fx.Node]
    layers: int

    @classmethod
    def of(cls, graph: fx.GraphModule, recipe: RecipeSpec) -> FloatLayers:
        """Those of `graph`, whose batch norms are folded. Raises BuildError for a name that is no operator's."""
        named = named_nodes(graph)
        return cls({name: named[name] for name in kept_in_float(recipe, "executorch", list(named))}, len(named))

    @property
    def nodes(self) -> frozenset[str]:
        """What the graph calls them."""
        return frozenset(node.name for node in self.asked.values())

    @property
    def notes(self) -> tuple[str, ...]:
        return float_note(list(self.asked), self.layers)

    def check(self, recipe: RecipeSpec, program: Program) -> None:
        """Raises BuildError where the program has fewer operators with float weights than it should: it has no names
        by which to tell them apart."""
        weighted = [name for name, node in self.asked.items() if node.target in LINEAR or node.target in CONVOLUTIONS]
        if len(program.in_float(every=False)) < len(weighted):
            raise not_kept(recipe, weighted)
