"""A float TFLite file → ONNX, by tf2onnx; inputs stay as the file has them."""

from __future__ import annotations

from pathlib import Path

import tf2onnx

from edgerig.build.source import SourceModel, layout_of
from edgerig.build.sources.file import float_file
from edgerig.spec import Layout

OPSET = 18
"""The latest tf2onnx writes."""


def convert(model: SourceModel, out: Path) -> Layout:
    """Writes the float32 graph to `out`. Raises UnsupportedRecipe when the file is quantized."""
    tf2onnx.convert.from_tflite(str(float_file(model)), opset=OPSET, output_path=str(out))
    return layout_of(model.spec.inputs)
