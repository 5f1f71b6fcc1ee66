"""TFLite files for LiteRT: one float conversion (`routes/`), then ai-edge-quantizer for every other recipe.

Quantizing the float flatbuffer, rather than converting a PT2E-quantized program a second time, keeps one conversion a
model and one path for all recipes; the two are equally accurate and fast on a CNN (relative error 0.016 and 0.017), and
the PT2E route leaves a transformer's norms and attention in float.

Files keep float32 inputs and outputs in every recipe but int8-full, with QUANTIZE and DEQUANTIZE at the edges, so that
quantizing the input is part of each timed inference as it is in the other formats.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from edgerig.build.builder import Built
from edgerig.build.formats import converting, required, samples_of, trace_inputs
from edgerig.build.formats.tflite_bias import correct
from edgerig.build.formats.tflite_equalize import equalize
from edgerig.build.formats.tflite_float import fix_shapes, gather_tables, prepare
from edgerig.build.formats.tflite_graph import constants, read, write
from edgerig.build.formats.tflite_notes import static_notes, weight_notes
from edgerig.build.formats.tflite_quantize import (
    quantize_dynamically,
    quantize_statically,
    quantize_weights,
)
from edgerig.build.formats.tflite_ranges import Stream
from edgerig.build.formats.tflite_recipes import ACTIVATION_BITS, RECIPES, WHOLE
from edgerig.build.layout import to_layout
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel
from edgerig.errors import BuildError, UnsupportedRecipe
from edgerig.spec import Layout, RecipeSpec


class TfliteBuilder:
    """Any source with a route to TFLite. Holds the float32 file, converted at the first build, and its layout."""

    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model = model
        self._float = work / "float32.tflite"
        self._layout: Layout | None = None
        self._copies: set[str] = set()
        self._refused: BuildError | None = None

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        """See `FormatBuilder.build`. Files take NHWC where the source takes NCHW."""
        if self._layout is None:
            self._layout = self._converted()
        if recipe.kind == "fp32":
            shutil.copyfile(self._float, out)
            notes: tuple[str, ...] = ()
        else:
            with converting(f'quantizing model "{self._model.spec.name}" to TFLite {recipe.name}'):
                notes = self._quantize(recipe, calibration, out)
        return Built(file=out, layout=self._layout, constants=constants(read(out)), notes=notes)

    def _converted(self) -> Layout:
        """Converts once: what a converter refuses, it refuses for every recipe."""
        if self._refused is not None:
            raise self._refused
        try:
            return self._convert()
        except BuildError as error:
            self._refused = error
            raise

    def _convert(self) -> Layout:
        with converting(f'converting model "{self._model.spec.name}" to TFLite'):
            layout: Layout = find_route(self._model.spec.source, "tflite")(self._model, self._float)
            graph = read(self._float)
            self._copies = prepare(graph)
            write(graph, self._float)
        return layout

    def _quantize(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> tuple[str, ...]:
        if recipe.kind not in RECIPES:
            raise UnsupportedRecipe(
                f'the TFLite builder does not know the recipe "{recipe.name}"', hint="choose another format for it"
            )
        sample = self._lay_out(trace_inputs(self._model))
        if recipe.kind in ACTIVATION_BITS:
            samples = [
                self._lay_out(each) for each in samples_of(required(calibration, recipe.name), self._model.spec.inputs)
            ]
            start = self._source(recipe.kind)
            said: tuple[str, ...] = ()
            if recipe.options.equalize:
                equalized = start.with_name("equalized.tflite")
                start, said = equalized, equalize(start, recipe, samples, equalized)
            stream = Stream(samples, frozenset(self._model.anew))
            left, named = quantize_statically(start, recipe, stream, self._copies, out)
            if recipe.options.bias_correction:
                anew = partial(quantize_statically, recipe=recipe, stream=stream, copies=self._copies)
                said += correct(start, out, stream, lambda floating, made: anew(floating, out=made))
            return (*static_notes(read(out), recipe.kind, left, self._copies), *named, *said)
        if recipe.kind == "int8-dynamic":
            left = quantize_dynamically(self._float, recipe, sample, out)
        else:
            left = quantize_weights(self._float, recipe, sample, out)
        return weight_notes(out, recipe.kind, left)

    def _source(self, recipe: str) -> Path:
        """The float file a calibrated recipe starts from."""
        if recipe not in WHOLE:
            return self._float
        graph = read(self._float)
        gather_tables(graph)
        fix_shapes(graph)
        whole = self._float.with_name("whole.tflite")
        write(graph, whole)
        return whole

    def _lay_out(self, arrays: Arrays) -> Arrays:
        return to_layout(arrays, self._model.spec.inputs, self._layout or "any")
