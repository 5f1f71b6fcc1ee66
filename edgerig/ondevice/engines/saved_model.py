"""A SavedModel's signature on TensorFlow: a tf.function, a graph that TensorFlow's own executor runs."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from typing import Any

import tensorflow as tf

from edgerig.ondevice.engines.own_tensors import NAME
from edgerig.ondevice.engines.tensorflow_network import Network, TensorflowEngine


class SavedModelEngine(TensorflowEngine):
    def _opened(self, path: str) -> tuple[Network, bytes]:
        folder = tempfile.mkdtemp(prefix="edgerig-saved-model-")
        try:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            with open(os.path.join(folder, NAME), "rb") as file:
                tensors = file.read()
            loaded = tf.saved_model.load(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return _Signature(loaded), tensors


class _Signature:
    """The signature as a function of its tensors in order; holds the variables it reads."""

    def __init__(self, loaded: Any) -> None:
        self._loaded = loaded
        self._function = next(iter(loaded.signatures.values()))
        self._names = [f"output_{place}" for place in range(len(self._function.structured_outputs))]
        self._given = [f"input_{place}" for place in range(len(self._function.structured_input_signature[1]))]

    def __call__(self, *tensors: Any) -> list[Any]:
        found = self._function(**dict(zip(self._given, tensors, strict=True)))
        return [found[name] for name in self._names]
