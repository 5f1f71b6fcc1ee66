"""Keras to TFLite, by TensorFlow's own converter."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from edgerig.build.routes.refused_operators import naming_operators
from edgerig.build.routes.tensorflow_graph import order_tensors
from edgerig.build.source import SourceModel, layout_of
from edgerig.spec import Layout


def convert(model: SourceModel, out: Path) -> Layout:
    """Writes the model as a float32 file with static shapes; its signature's inputs bear the model's input names.

    `from_concrete_functions` is never the way: on a Keras 3 model it drops the weights without an error.
    """
    with naming_operators():
        out.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model.module).convert())
    inputs = [tensor.name for tensor in model.module.inputs]
    order_tensors(out, inputs, [f"output_{index}" for index in range(len(model.module.outputs))])
    return layout_of(model.spec.inputs)
