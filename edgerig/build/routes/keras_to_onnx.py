"""Keras to ONNX, by tf2onnx over the model's traced function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from edgerig.build.routes.tensorflow_graph import function_to_onnx
from edgerig.build.source import SourceModel, layout_of
from edgerig.spec import Layout


def convert(model: SourceModel, out: Path) -> Layout:
    """Writes the model as a float32 graph with static shapes and the spec's names.

    `model.export(format="onnx")` ends in the same converter, but leaves the batch open and numbers the outputs.
    """
    network = model.module

    def function(*inputs: Any) -> list[Any]:
        return list(keras.tree.flatten(network(list(inputs), training=False)))

    function_to_onnx(function, model.spec, out)
    return layout_of(model.spec.inputs)
