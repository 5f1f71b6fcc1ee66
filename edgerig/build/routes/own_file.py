"""A float file that already is in the format (tflite, onnx), quantized further from what it is."""

from __future__ import annotations

from pathlib import Path

from edgerig.build.onnx_weights import copy_whole
from edgerig.build.source import SourceModel, layout_of
from edgerig.build.sources.file import float_file
from edgerig.spec import Layout


def convert(model: SourceModel, out: Path) -> Layout:
    """Copies the source's file, with what belongs to it, to `out`. Raises UnsupportedRecipe when it is quantized."""
    copy_whole(float_file(model), out)
    return layout_of(model.spec.inputs)
