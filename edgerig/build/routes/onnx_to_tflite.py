"""ONNX → TFLite, through torch: the graph rebuilt (see `onnx_to_torch`), then litert-torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgerig.build.routes import torch_to_tflite
from edgerig.build.routes.onnx_to_torch import rebuild
from edgerig.build.source import SourceModel
from edgerig.spec import Layout


def convert(model: SourceModel, out: Path) -> Layout:
    """Writes the float32 file to `out`."""
    return torch_to_tflite.convert(replace(model, module=rebuild(model)), out)
