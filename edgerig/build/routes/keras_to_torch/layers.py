"""Which function rebuilds which Keras layer, and the walk through a network that calls them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers as k
from keras.src.models.functional import Functional  # keras.Model(…) makes one; it has no public name

from edgerig.build.routes.keras_to_torch import activation, arithmetic, attention, convolution, pooling, shape
from edgerig.build.routes.keras_to_torch.assembly import Assembly, Value, unsupported
from edgerig.build.sources.keras_legacy import LEGACY_LAYERS

Converter = Callable[..., Value]
"""(assembly, layer, value, …) → value."""

CONVERTERS: dict[type[Any], Converter] = {
    k.Activation: activation.activated,
    k.ReLU: activation.relu,
    k.LeakyReLU: activation.leaky_relu,
    k.ELU: activation.elu,
    k.PReLU: activation.prelu,
    k.Softmax: activation.softmax,
    k.Conv1D: convolution.convolution,
    k.Conv2D: convolution.convolution,
    k.DepthwiseConv1D: convolution.depthwise,
    k.DepthwiseConv2D: convolution.depthwise,
    k.SeparableConv1D: convolution.separable,
    k.SeparableConv2D: convolution.separable,
    k.Conv1DTranspose: convolution.transposed,
    k.Conv2DTranspose: convolution.transposed,
    k.Dense: convolution.dense,
    k.MaxPooling1D: pooling.maximum,
    k.MaxPooling2D: pooling.maximum,
    k.AveragePooling1D: pooling.average,
    k.AveragePooling2D: pooling.average,
    k.GlobalAveragePooling1D: pooling.global_average,
    k.GlobalAveragePooling2D: pooling.global_average,
    k.GlobalMaxPooling1D: pooling.global_maximum,
    k.GlobalMaxPooling2D: pooling.global_maximum,
    k.Add: arithmetic.add,
    k.Subtract: arithmetic.subtract,
    k.Multiply: arithmetic.multiply,
    k.Average: arithmetic.average,
    k.Maximum: arithmetic.maximum,
    k.Minimum: arithmetic.minimum,
    k.Concatenate: arithmetic.concatenate,
    k.BatchNormalization: arithmetic.batch_normalization,
    k.LayerNormalization: arithmetic.layer_normalization,
    k.Rescaling: arithmetic.rescaling,
    k.Normalization: arithmetic.normalization,
    k.MultiHeadAttention: attention.attention,
    k.Flatten: shape.flatten,
    k.Reshape: shape.reshape,
    k.Permute: shape.permute,
    k.ZeroPadding1D: shape.zero_padding,
    k.ZeroPadding2D: shape.zero_padding,
    k.Cropping1D: shape.cropping,
    k.Cropping2D: shape.cropping,
    k.UpSampling1D: shape.upsampling,
    k.UpSampling2D: shape.upsampling,
    **dict.fromkeys(
        (
            k.ActivityRegularization,
            k.AlphaDropout,
            k.Dropout,
            k.GaussianDropout,
            k.GaussianNoise,
            k.Identity,
            k.SpatialDropout1D,
            k.SpatialDropout2D,
        ),
        shape.identity,
    ),
}
"""By exact class: a subclass may compute something else."""
LEGACY_BASES = {legacy: legacy.__bases__[0] for legacy in LEGACY_LAYERS.values()}
OPERATIONS: dict[str, Converter] = {
    "Add": arithmetic.add,
    "Subtract": arithmetic.subtract,
    "Multiply": arithmetic.multiply,
    "Divide": arithmetic.divide,
    "TrueDivide": arithmetic.divide,
    "Maximum": arithmetic.maximum,
    "Minimum": arithmetic.minimum,
    **{
        name: partial(activation.function, keras_name)
        for name, keras_name in {
            "Relu": "relu",
            "Relu6": "relu6",
            "Sigmoid": "sigmoid",
            "Silu": "silu",
            "HardSigmoid": "hard_sigmoid",
            "HardSilu": "hard_silu",
            "Tanh": "tanh",
            "Softplus": "softplus",
        }.items()
    },
}
"""What `x + y` and `keras.ops.add(x, y)` leave in a graph, by class name: the classes are not public."""
OPERATION_MODULES = ("keras.src.ops.numpy", "keras.src.ops.nn")


def convert(assembly: Assembly, network: Any, inputs: list[Value]) -> list[Value]:
    """The outputs of a functional or sequential model on `inputs`. Raises UnsupportedRecipe where it cannot."""
    graph = network._functional if isinstance(network, keras.Sequential) else network
    if not isinstance(graph, Functional) or type(network).call not in (Functional.call, keras.Sequential.call):
        raise unsupported(network, "a subclassed model computes in code of its own: make it a functional model")
    results = graph._run_through_graph(
        inputs, call_fn=lambda operation, *args, **kwargs: _called(assembly, operation, args, kwargs)
    )
    return _values(results)


def _called(assembly: Assembly, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What one layer, nested model or operation of a graph gives."""
    if isinstance(operation, keras.Model):
        return convert(assembly, operation, _values((args, kwargs)))
    if not isinstance(operation, keras.Layer):
        return _operated(assembly, operation, args, kwargs)
    kind = LEGACY_BASES.get(type(operation), type(operation))
    if kind not in CONVERTERS:
        raise unsupported(operation, "no torch counterpart is known here")
    if operation.compute_dtype != "float32":
        raise unsupported(operation, f"it computes in {operation.compute_dtype}: build from a float32 model")
    if getattr(operation, "data_format", "channels_last") != "channels_last":
        raise unsupported(operation, "its channels stand first: only channels last is rebuilt")
    if kind is k.MultiHeadAttention:
        return attention.attention(assembly, operation, *args, **kwargs)
    return CONVERTERS[kind](assembly, operation, *_values((args, kwargs)))


def _operated(assembly: Assembly, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value:
    operands = keras.tree.flatten((args, kwargs))
    kind = type(operation)
    known = kind.__module__ in OPERATION_MODULES and kind.__name__ in OPERATIONS
    if not known or not all(isinstance(operand, Value | int | float) for operand in operands):
        raise unsupported(operation, "this operation, or an operand of it, has no torch counterpart here")
    return OPERATIONS[kind.__name__](assembly, operation, *operands)


def _values(structure: Any) -> list[Value]:
    return [leaf for leaf in keras.tree.flatten(structure) if isinstance(leaf, Value)]
