"""A float TFLite file → ONNX, by tf2onnx; inputs stay as the file has them."""

from __future__ import annotations

from pathlib import Path

import tf2onnx

from edgerig.build.source import SourceModel, layout_of
from edgerig.build.sources.file import float_file
from edgerig.errors import UnsupportedRecipe
from edgerig.ondevice.engines.litert_state import kept
from edgerig.spec import Layout

OPSET = 18
"""The latest tf2onnx writes."""


def convert(model: SourceModel, out: Path) -> Layout:
    """Writes the float32 graph to `out`. Raises UnsupportedRecipe when the file is quantized, or keeps a state."""
    path = float_file(model)
    if remembers := kept(str(path), 0):
        raise UnsupportedRecipe(
            f"{model.spec.path}: it keeps its state itself ({', '.join(remembers)}), and ONNX has no variables",
            hint="export the network with its state as an input and an output, and name the two under [[state]]",
        )
    tf2onnx.convert.from_tflite(str(path), opset=OPSET, output_path=str(out))
    return layout_of(model.spec.inputs)
