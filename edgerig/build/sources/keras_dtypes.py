"""Keras models that compute in another precision than float32, made anew in float32.

Converters take such a graph apart wrongly or not at all (TFLite has no float16 convolution), and a format's own recipes
are what makes a model smaller. Under a mixed policy the weights are float32 already; others are cast.
"""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"  # see sources/keras.py

import keras
import numpy as np

from edgerig.build.sources.keras_legacy import LEGACY_LAYERS
from edgerig.errors import BuildError

OTHERS = frozenset({"mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"})
"""Keras' names of policies and dtypes that are real numbers, but float32."""


def in_float32(model: keras.Model, where: str) -> tuple[keras.Model, tuple[str, ...]]:
    """`model` with every layer in float32 and the same weights, and a note; itself and none where it is so already.

    Raises BuildError when it cannot be made anew from its configuration, as a subclassed model often cannot.
    """
    found = sorted({layer.dtype_policy.name for layer in model._flatten_layers()} & OTHERS)
    if not found:
        return model, ()
    names = " and ".join(found)
    try:
        own = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
        made = type(model).from_config(_replaced(model.get_config()), custom_objects=LEGACY_LAYERS | own)
        if not made.built:
            made.build(model.input_shape)
        made.set_weights([_as_float32(weight) for weight in model.get_weights()])
    except Exception as error:  # a model's own configuration may fail in its own way
        raise BuildError(
            f"{where}: its layers compute in {names}, and it cannot be made anew in float32: "
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}",
            hint='make it under keras.config.set_dtype_policy("float32"), load its weights, and save it again',
        ) from error
    return made, (f"authored in {names}; rebuilt in float32 with the same weights, which recipes start from",)


def _as_float32(weight: Any) -> Any:
    """Seeds and counters are integers and stay so; bfloat16 is of no kind numpy knows."""
    return weight if weight.dtype.kind in "biu" else np.asarray(weight, np.float32)


def _replaced(config: Any) -> Any:
    """A configuration with every dtype and policy of OTHERS replaced by float32, at any depth."""
    if isinstance(config, dict):
        inner = config.get("config")
        if config.get("class_name") == "DTypePolicy" and isinstance(inner, dict) and inner.get("name") in OTHERS:
            return {**config, "config": {**inner, "name": "float32"}}
        return {key: "float32" if _names_dtype(key, value) else _replaced(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_replaced(value) for value in config)
    return config


def _names_dtype(key: str, value: Any) -> bool:
    return "dtype" in str(key) and isinstance(value, str) and value in OTHERS
