"""What the formats on TensorFlow share: the network as a function of its tensors in order, and what these are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from edgerig.build.formats import trace_inputs
from edgerig.build.formats.framework import tensors_json
from edgerig.build.source import SourceModel
from edgerig.ondevice.engines import TensorInfo
from edgerig.spec import TensorSpec

Function = Callable[..., list[Any]]


def as_function(model: SourceModel) -> Function:
    """One tensor an input to a list of one tensor an output, of a Keras model or a SavedModel's signature."""
    network = model.module
    if isinstance(network, tf.keras.Model):
        return lambda *tensors: tf.nest.flatten(network(list(tensors), training=False))
    return lambda *tensors: tf.nest.flatten(network.call(*tensors))


def note(model: SourceModel, function: Function) -> str:
    """What the file notes of its tensors, by one inference on a sample."""
    sample = trace_inputs(model)
    given = function(*map(tf.constant, sample))
    inputs = [_info(tensor, value.dtype) for tensor, value in zip(model.spec.inputs, sample, strict=True)]
    outputs = [
        _info(tensor, value.dtype.as_numpy_dtype) for tensor, value in zip(model.spec.outputs, given, strict=True)
    ]
    return tensors_json(inputs, outputs)


def _info(tensor: TensorSpec, dtype: Any) -> TensorInfo:
    return TensorInfo(tensor.name, tensor.shape, np.dtype(dtype).name)


def constants(variables: Sequence[Any]) -> dict[str, int]:
    """Bytes of the network's variables by dtype."""
    found: Counter[str] = Counter()
    for variable in variables:
        dtype = np.dtype(tf.as_dtype(variable.dtype).as_numpy_dtype)
        found[dtype.name] += int(np.prod(variable.shape)) * dtype.itemsize
    return dict(found)
