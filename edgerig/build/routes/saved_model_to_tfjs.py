"""A SavedModel to one that TensorFlow.js' converter reads: with the spec's shapes, and one signature."""

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
        return tf.nest.flatten(network.call(*tensors))

    save(call, network, model.spec, out)
    return layout_of(model.spec.inputs)
