"""Keras' eager mode on TensorFlow: a model called as `model(inputs, training=False)`, layer by layer, no graph."""

from __future__ import annotations

import os
import zipfile
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"  # Keras reads it once, when it is imported

import keras
import tensorflow as tf

from edgerig.ondevice.engines.own_tensors import NAME
from edgerig.ondevice.engines.tensorflow_network import Network, TensorflowEngine


class KerasEagerEngine(TensorflowEngine):
    def _opened(self, path: str) -> tuple[Network, bytes]:
        with zipfile.ZipFile(path) as archive:
            tensors = archive.read(NAME)
        model = keras.saving.load_model(path, compile=False, safe_mode=True)

        def call(*given: Any) -> list[Any]:
            found: list[Any] = tf.nest.flatten(model(list(given), training=False))
            return found

        return call, tensors
