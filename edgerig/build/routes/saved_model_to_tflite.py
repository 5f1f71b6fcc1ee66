"""SavedModel to TFLite, by TensorFlow's own converter."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from edgerig.build.routes.refused_operators import naming_operators
from edgerig.build.routes.tensorflow_graph import SIGNATURE, order_tensors
from edgerig.build.source import SourceModel, identifier, layout_of
from edgerig.spec import Layout


def convert(model: SourceModel, out: Path) -> Layout:
    """Writes the model as a float32 file with static shapes.

    The signature is saved once more with the spec's shapes: the converter would keep an open batch.
    """
    module = model.module
    names = [identifier(tensor.name) for tensor in model.spec.inputs]
    results = [f"output_{index}" for index in range(len(model.spec.outputs))]
    inputs = [
        tf.TensorSpec(t.shape, tf.as_dtype(t.dtype), name=name)
        for name, t in zip(names, model.spec.inputs, strict=True)
    ]

    def serve(*tensors: Any) -> dict[str, Any]:
        return dict(zip(results, module.call(*tensors), strict=True))

    function = tf.function(serve, autograph=False).get_concrete_function(*inputs)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: function})
        with naming_operators():
            out.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE]).convert())
    order_tensors(out, names, results)
    return layout_of(model.spec.inputs)
