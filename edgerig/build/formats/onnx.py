"""ONNX graphs for ONNX Runtime: one float export (`routes/`), then ONNX Runtime's own tools for every other recipe.

All files keep the source's layout, and inputs and outputs of the float graph's own dtypes.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import onnx

from edgerig.build.builder import Built
from edgerig.build.formats import (
    converting,
    left_in_float,
    onnx_bias,
    onnx_blocks,
    onnx_dynamic,
    onnx_equalize,
    onnx_float,
    onnx_half,
    onnx_static,
    required,
)
from edgerig.build.formats.onnx_graph import NORMALIZATIONS, constants, float_weighted, read
from edgerig.build.formats.onnx_kernels import computed_in_float
from edgerig.build.onnx_weights import copy_whole, save
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel
from edgerig.build.sources.file import OPEN
from edgerig.errors import UnsupportedRecipe
from edgerig.spec import Layout, RecipeSpec

STATIC = frozenset({"int8-static", "int8-static-unsigned", "int8-static-nncf"})
"""Recipes of ranges that are calibrated."""


class OnnxBuilder:
    """Any source with a route to ONNX. Holds the float32 graph, exported at the first build, and its optimised form."""

    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model = model
        self._float = work / "float32.onnx"
        self._prepared = work / "prepared.onnx"
        self._layout: Layout | None = None

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        """See `FormatBuilder.build`. ONNX Runtime's tools leave files in the working folder: it is the scratch folder
        meanwhile."""
        out = out.absolute()
        with contextlib.chdir(self._float.parent):
            return self._build(recipe, calibration, out)

    def _build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        with converting(f'exporting model "{self._model.spec.name}" to ONNX'):
            if self._layout is None:
                layout = find_route(self._model.spec.source, "onnx")(self._model, self._float)
                onnx_float.settle(self._float)
                self._layout = layout
        with converting(f'lowering model "{self._model.spec.name}" to ONNX {recipe.name}'):
            left, said = self._lower(recipe, calibration, out)
        graph = read(out)
        if recipe.kind != "fp32":
            norms = NORMALIZATIONS if recipe.calibration else ()
            left = (*left, *(n.op_type for n in graph.graph.node if n.op_type in norms))
            left = (*left, *(node.op_type for node in float_weighted(graph)))
        return Built(
            file=out,
            layout=self._layout,
            constants=constants(graph),
            notes=(*left_in_float(left), *computed_in_float(graph), *said),
        )

    def _graph(self) -> Path:
        """The graph after shape inference and fusion, as the quantizers want it."""
        if not self._prepared.exists():
            onnx_float.prepare(self._float, self._prepared)
        return self._prepared

    def _static(self, recipe: RecipeSpec, calibration: Arrays, out: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """As `_lower`."""
        graph = self._graph()
        said: tuple[str, ...] = ()
        if recipe.options.equalize:
            equalized = graph.with_name("equalized.onnx")
            graph, said = equalized, onnx_equalize.equalize(graph, recipe, calibration, equalized)
        quantize = onnx_static.quantize
        if recipe.kind == "int8-static-nncf":
            from edgerig.build.formats.onnx_nncf import quantize  # an extra's
        left, named = quantize(graph, calibration, out, recipe)
        if recipe.options.bias_correction:
            said += onnx_bias.correct(
                graph, out, calibration, lambda start, to: quantize(start, calibration, to, recipe)
            )
        return left, (*named, *said)

    def _lower(
        self, recipe: RecipeSpec, calibration: Arrays | None, out: Path
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Writes the variant; gives the operators without weights that were kept in float32, one entry each, and what
        else to note."""
        match recipe.kind:
            case "fp32":
                copy_whole(self._float, out)
            case "fp16":
                half, kept = onnx_half.convert(onnx_float.modernise(onnx.load(self._float)))
                save(half, out)
                return kept, ()
            case "int8-dynamic":
                onnx_dynamic.quantize(self._graph(), out, recipe)
            case kind if kind in STATIC and self._model.shapes:
                raise UnsupportedRecipe(
                    f"{recipe.name} is calibrated on a graph of fixed shapes: {OPEN}",
                    hint="export the branch that these inputs take as a file of its own",
                )
            case kind if kind in STATIC:
                return self._static(recipe, required(calibration, recipe.name), out)
            case "int8-weight":
                onnx_blocks.quantize(self._graph(), 8, out)
            case "int4-weight":
                onnx_blocks.quantize(self._graph(), 4, out)
            case _:
                raise UnsupportedRecipe(
                    f'the ONNX builder does not know the recipe "{recipe.name}"', hint="choose another format for it"
                )
        return (), ()
