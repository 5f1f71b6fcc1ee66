"""Layers of a float TFLite file that a recipe names, in float or in 16 bits; whether the file written has them so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgerig.build.formats.layer_names import FLOAT, INT16, apart_note, layer_names, meant, not_kept
from edgerig.build.formats.tflite_graph import Operator, constant, dtype, walk
from edgerig.build.formats.tflite_recipes import QUANTIZER, WIDE_KIND, takes
from edgerig.errors import BuildError
from edgerig.spec import RecipeSpec
from edgerig.spec.recipe_options import ByLayer

QUANTIZED = "#quantized"
"""Behind the name of what was an output's tensor, and is now read by a DEQUANTIZE."""


@dataclass(frozen=True)
class NamedLayers:
    """Operator → name: `floats` stay in float32, `wide` have activations of 16 bits, of a graph of so many `layers`."""

    floats: Mapping[Operator, str]
    wide: Mapping[Operator, str]
    layers: int

    @classmethod
    def of(cls, graph: Any, recipe: RecipeSpec) -> NamedLayers:
        """Raises BuildError for a name that is no operator's or in both, and for one without a form of 16 bits."""
        floats = _asked(graph, recipe)
        return cls(floats, _wide(graph, recipe, floats), len(_layers(graph)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say of them, once they are checked."""
        floats, wide = list(self.floats.values()), list(self.wide.values())
        return apart_note(floats, self.layers) + apart_note(wide, self.layers, INT16)

    def check(self, graph: Any, made: Any, recipe: RecipeSpec) -> None:
        """Raises BuildError where one of them is otherwise in the file written, `made` of `graph`."""
        if missing := {name for operator, name in self.floats.items() if not _as_it_was(graph, made, operator)}:
            raise not_kept(recipe, missing)
        if missing := {name for operator, name in self.wide.items() if not _is_wide(graph, made, operator)}:
            raise not_kept(recipe, missing, INT16)


def _layers(graph: Any) -> dict[str, Operator]:
    """The operators of the main subgraph by name."""
    main = [operator for operator in walk(graph) if operator.subgraph == 0]
    return dict(zip(layer_names(operator.name for operator in main), main, strict=True))


def _asked(graph: Any, recipe: RecipeSpec, option: ByLayer = FLOAT) -> dict[Operator, str]:
    """The operators that the recipe names in an option, with their names."""
    layers = _layers(graph)
    return {layers[name]: name for name in meant(recipe, "tflite", list(layers), option)}


def _wide(graph: Any, recipe: RecipeSpec, floats: Collection[Operator]) -> dict[Operator, str]:
    """As `_asked`, of those in 16 bits. Raises BuildError for one of `floats`, or that the quantizer has not."""
    wide = _asked(graph, recipe, INT16)
    for operator, name in wide.items():
        if operator in floats:
            raise BuildError(
                f"{recipe.name}: {name} stands in both {FLOAT} and {INT16}", hint="name it in one of the two"
            )
        if not takes(WIDE_KIND, operator.name):
            raise BuildError(
                f"{recipe.name}: {INT16}: {QUANTIZER} has no form of 16 bits of {name}",
                hint=f"name it in {FLOAT}, or not at all",
            )
    return wide


def _as_it_was(graph: Any, made: Any, operator: Operator) -> bool:
    """Is there an operator of the same kind in the file written whose tensors have the dtypes they had, for the same
    output?"""
    wanted = [dtype(graph, operator, i) for i in (*operator.inputs, *operator.outputs)]
    return any(
        [dtype(made, each, i) for i in (*each.inputs, *each.outputs)] == wanted for each in _same(graph, made, operator)
    )


def _is_wide(graph: Any, made: Any, operator: Operator) -> bool:
    """Are the activations it reads and gives integers of 16 bits in the file written?"""
    tensors = (*operator.inputs, *operator.outputs)
    values = [i for i, tensor in enumerate(tensors) if _is_value(graph, operator, tensor)]
    for each in _same(graph, made, operator):
        found = [dtype(made, each, tensor) for tensor in (*each.inputs, *each.outputs)]
        return len(found) == len(tensors) and all(found[i] == "int16" for i in values)
    return False


def _is_value(graph: Any, operator: Operator, tensor: int) -> bool:
    return dtype(graph, operator, tensor) == "float32" and constant(graph, operator, tensor) is None


def _same(graph: Any, made: Any, operator: Operator) -> Iterator[Operator]:
    """The operators of the same kind in the file written that give the same output."""
    name = tensor_name(graph, operator, operator.outputs[0])
    for each in walk(made):
        given = (tensor_name(made, each, i).removesuffix(QUANTIZED) for i in each.outputs)
        if each.subgraph == 0 and each.name == operator.name and name in given:
            yield each


def tensor_name(graph: Any, operator: Operator, tensor: int) -> str:
    name: str = graph.subgraphs[operator.subgraph].tensors[tensor].name.decode()
    return name
