"""A function of TensorFlow's into a SavedModel folder, for converters that read one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from edgerig.spec import ModelSpec

SIGNATURE = "serving_default"


def save(function: Callable[..., list[Any]], network: Any, spec: ModelSpec, out: Path) -> None:
    """Writes `function`, of one tensor an input to a list of one an output, with the `network` whose variables it reads;
    its inputs are called input_0, input_1, …, its outputs output_0, … in the spec's order and of its shapes."""
    given = [tf.TensorSpec(t.shape, tf.as_dtype(t.dtype), name=f"input_{i}") for i, t in enumerate(spec.inputs)]

    def serve(*tensors: Any) -> dict[str, Any]:
        # An output that is an input, or another output, is then a value of its own.
        return {f"output_{i}": tf.identity(value) for i, value in enumerate(function(*tensors))}

    traced = tf.function(serve, autograph=False).get_concrete_function(*given)
    kept = tf.Module()
    kept.network, kept.read = network, list(traced.variables)
    tf.saved_model.save(kept, str(out), signatures={SIGNATURE: traced})
