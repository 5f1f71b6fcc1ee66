"""Keras to a SavedModel that TensorFlow.js' converter reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from edgerig.build.routes.to_saved_model import save
from edgerig.build.source import SourceModel, layout_of
from edgerig.spec import Layout


def convert(model: SourceModel, out: Path) -> Layout:
    network = model.module

    def call(*tensors: Any) -> list[Any]:
        return tf.nest.flatten(network(list(tensors), training=False))

    save(call, network, model.spec, out)
    return layout_of(model.spec.inputs)
