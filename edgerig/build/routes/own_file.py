"""A float file that already is in the format (tflite, onnx), quantized further from what it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgerig.build.source import SourceModel, layout_of
from edgerig.build.sources.file import float_file
from edgerig.spec import Layout


def convert(model: SourceModel, out: Path) -> Layout:
    """Copies the source's file to `out`. Raises UnsupportedRecipe when it is quantized."""
    shutil.copyfile(float_file(model), out)
    return layout_of(model.spec.inputs)
