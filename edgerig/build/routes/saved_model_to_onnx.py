"""SavedModel to ONNX, by tf2onnx over its signature."""

from __future__ import annotations

from pathlib import Path

from edgerig.build.routes.tensorflow_graph import function_to_onnx
from edgerig.build.source import SourceModel, layout_of
from edgerig.spec import Layout


def convert(model: SourceModel, out: Path) -> Layout:
    """Writes the model as a float32 graph with static shapes and the spec's names."""
    function_to_onnx(model.module.call, model.spec, out)
    return layout_of(model.spec.inputs)
