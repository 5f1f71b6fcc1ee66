"""What every source does alike: the weights' bytes held against their sha256, and inference a sample at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.build.source import Arrays, one_sample
from edgerig.errors import BuildError, EdgerigError
from edgerig.ondevice.engines import TensorInfo
from edgerig.ondevice.evaluate import same_shape, stack
from edgerig.spec import ModelSpec
from edgerig.spec.model import DYNAMIC


def known_bytes(spec: ModelSpec, path: Path) -> bytes:
    """The content of the model's file `path`, exactly the spec's where it gives a sha256. Raises BuildError."""
    toml = spec.folder / "model.toml"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BuildError(
            f"{path}: the weights cannot be read: {error.strerror}",
            hint=f'correct the key "weights" in {toml}, or bring the file',
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if spec.weights_sha256 is not None and found != spec.weights_sha256:
        raise BuildError(
            f"{path}: sha256 is {found}, {toml} says {spec.weights_sha256}",
            hint='fetch the weights again, or, if they were changed on purpose, correct "weights_sha256"',
        )
    return content


def infer_by_sample(
    spec: ModelSpec, network: Callable[[Arrays], Sequence[npt.NDArray[Any]]], inputs: Arrays, *, hint: str
) -> Arrays:
    """The network's outputs on N samples, one (N, …) array per output, each sample a batch of its own: real ones as
    float32 (float64 stays), integers and bools as they are.

    `network` takes one array of its tensor's shape per input, its own to keep, and gives one array per output; `hint`
    is what to correct when it raises. An output whose lengths the data decides (-1 in its shape) is padded, and has the
    samples' own shapes behind all outputs, as `ondevice.evaluate.evaluated` has it. Raises BuildError when the inputs
    do not fit the spec, the network fails, or an output is not the spec's shape or not finite.
    """
    _check_inputs(spec, inputs)
    count = len(inputs[0])
    collected: list[Arrays] = [[] for _ in spec.outputs]
    for sample in range(count):
        batch = one_sample(inputs, spec.inputs, sample)
        try:
            returned = network(batch)
        except EdgerigError:
            raise
        except Exception as error:  # the user's own code may raise anything
            raise BuildError(
                f'model "{spec.name}": the network fails on sample {sample}: {type(error).__name__}: {error}', hint=hint
            ) from error
        for column, value in zip(collected, _checked(spec, returned, sample), strict=True):
            column.append(value)
    if not count:
        return [np.empty((0, *tensor.of_sample), tensor.dtype) for tensor in spec.outputs]
    stacked = [
        stack(column, TensorInfo(tensor.name, tensor.shape, column[0].dtype.name)).arrays
        for tensor, column in zip(spec.outputs, collected, strict=True)
    ]
    outputs = [
        arrays[0] if DYNAMIC in tensor.shape else arrays[0].reshape(count, *tensor.of_sample)
        for tensor, arrays in zip(spec.outputs, stacked, strict=True)
    ]
    return outputs + [array for arrays in stacked for array in arrays[1:]]


def _check_inputs(spec: ModelSpec, inputs: Arrays) -> None:
    if len(inputs) != len(spec.inputs):
        raise BuildError(
            f'model "{spec.name}": {len(inputs)} input arrays given, it takes {len(spec.inputs)}',
            hint="one array for each [[inputs]] of model.toml",
        )
    for tensor, array in zip(spec.inputs, inputs, strict=True):
        if array.shape != (len(inputs[0]), *tensor.of_sample):
            raise BuildError(
                f'model "{spec.name}": input "{tensor.name}" has shape {array.shape}, '
                f"({', '.join(map(str, (len(inputs[0]), *tensor.of_sample)))}) is needed",
                hint="samples first, then the shape of model.toml without its batch axis",
            )


def _checked(spec: ModelSpec, returned: Sequence[npt.NDArray[Any]], sample: int) -> Arrays:
    """What the network returned on one sample, held against the spec's outputs."""
    if len(returned) != len(spec.outputs):
        raise BuildError(
            f'model "{spec.name}": the network returns {len(returned)} tensors, '
            f"model.toml names {len(spec.outputs)} output tensors",
            hint="one [[outputs]] for each tensor the network returns",
        )
    arrays = []
    for tensor, value in zip(spec.outputs, returned, strict=True):
        if not same_shape(tuple(value.shape), tensor.shape):
            raise BuildError(
                f'model "{spec.name}": output "{tensor.name}" has shape {list(value.shape)}, '
                f"model.toml says {list(tensor.shape)}",
                hint='correct the "shape" under [[outputs]]',
            )
        array = np.asarray(value)
        if array.dtype.kind == "f" and array.dtype != np.float64:
            array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise BuildError(
                f'model "{spec.name}": output "{tensor.name}" has NaN or infinite values on sample {sample}',
                hint="correct the weights or the samples: nothing can be held against such outputs",
            )
        arrays.append(array)
    return arrays
