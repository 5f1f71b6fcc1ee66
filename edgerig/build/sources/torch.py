"""Models authored in PyTorch: a factory that makes an `nn.Module`, and its weights as safetensors."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from edgerig.build.factory import call_factory
from edgerig.build.source import Arrays, SourceModel
from edgerig.errors import BuildError
from edgerig.spec import ModelSpec

SHOWN_KEYS = 5
"""At most so many keys of a state dict are named in a message."""


def load(spec: ModelSpec) -> SourceModel:
    """The spec's network on the CPU, weights loaded, in inference mode. Raises BuildError."""
    if spec.factory is None:
        raise BuildError(
            f'model "{spec.name}": no factory to make the network with',
            hint=f'give "factory" in {spec.folder / "model.toml"}',
        )
    module = call_factory(spec.folder, spec.factory)
    if not isinstance(module, nn.Module):
        raise BuildError(
            f'factory "{spec.factory}" of model "{spec.name}" gave a {type(module).__name__}, not a torch.nn.Module',
            hint="return the network itself, an instance, not its class",
        )
    if spec.weights is not None:
        _load_weights(module, spec, spec.folder / spec.weights)
    module.eval().requires_grad_(False)

    def infer(inputs: Arrays) -> Arrays:
        return _infer(module, spec, inputs)

    return SourceModel(spec, module, infer)


def _load_weights(module: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Loads the file into `module`: exactly the spec's bytes, and every key of the module and no other."""
    toml = spec.folder / "model.toml"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BuildError(
            f"{path}: the weights cannot be read: {error.strerror}",
            hint=f'mend the key "weights" in {toml}, or bring the file',
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != spec.weights_sha256:
        raise BuildError(
            f"{path}: sha256 is {found}, {toml} says {spec.weights_sha256}",
            hint='fetch the weights again, or, if they were changed on purpose, mend "weights_sha256"',
        )
    try:
        tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise BuildError(
            f"{path}: not a safetensors file: {error}",
            hint="write it with safetensors.torch.save_file(model.state_dict(), path)",
        ) from error
    try:
        difference = module.load_state_dict(tensors, strict=False)  # both lists of keys, not torch's first complaint
    except RuntimeError as error:  # a shape that differs; torch's message names the key and both shapes
        raise BuildError(
            f'{path}: does not fit the network of "{spec.factory}": {error}',
            hint="the weights belong to another version of the network",
        ) from error
    missing, unexpected = difference.missing_keys, difference.unexpected_keys
    if missing or unexpected:
        lacks = [f"lacks {_some(missing)}"] if missing else []
        has = [f"has the unknown {_some(unexpected)}"] if unexpected else []
        raise BuildError(
            f'{path}: does not fit the network of "{spec.factory}": it {" and ".join(lacks + has)}',
            hint="the weights belong to another version of the network",
        )


def _some(keys: list[str]) -> str:
    rest = len(keys) - SHOWN_KEYS
    return ", ".join(sorted(keys)[:SHOWN_KEYS]) + (f" and {rest} more" if rest > 0 else "")


def _infer(module: nn.Module, spec: ModelSpec, inputs: Arrays) -> Arrays:
    """The network's outputs on N samples, one (N, …) float32 array an output, each sample a batch of its own.

    Raises BuildError when the inputs do not fit the spec, the network fails, or an output is not the spec's shape or
    not finite.
    """
    _check_inputs(spec, inputs)
    count = len(inputs[0])
    outputs = [np.empty((count, *tensor.shape[1:]), np.float32) for tensor in spec.outputs]
    for sample in range(count):
        # A copy: torch refuses read-only memory, and samples may come from a memory-mapped file.
        batch = [torch.from_numpy(np.array(array[sample : sample + 1], dtype=np.float32)) for array in inputs]
        try:
            with torch.no_grad():
                returned = module(*batch)
        except Exception as error:  # the user's own code may raise anything
            raise BuildError(
                f'model "{spec.name}": the network fails on sample {sample}: {type(error).__name__}: {error}',
                hint="its forward() takes the [[inputs]] of model.toml in order, a sample at a time",
            ) from error
        for output, value in zip(outputs, _checked(spec, returned, sample), strict=True):
            output[sample] = value[0]
    return outputs


def _check_inputs(spec: ModelSpec, inputs: Arrays) -> None:
    if len(inputs) != len(spec.inputs):
        raise BuildError(
            f'model "{spec.name}": {len(inputs)} input arrays given, it takes {len(spec.inputs)}',
            hint="one array for each [[inputs]] of model.toml",
        )
    for tensor, array in zip(spec.inputs, inputs, strict=True):
        if array.shape != (len(inputs[0]), *tensor.shape[1:]):
            raise BuildError(
                f'model "{spec.name}": input "{tensor.name}" has shape {array.shape}, '
                f"({len(inputs[0])}, {', '.join(map(str, tensor.shape[1:]))}) is needed",
                hint="samples first, then the shape of model.toml without its batch axis",
            )


def _checked(spec: ModelSpec, returned: Any, sample: int) -> list[npt.NDArray[np.float32]]:
    """What the network returned on one sample as float32 arrays, held against the spec's outputs."""
    values = list(returned) if isinstance(returned, tuple | list) else [returned]
    kinds = [type(value).__name__ for value in values]
    if len(values) != len(spec.outputs) or not all(isinstance(value, torch.Tensor) for value in values):
        raise BuildError(
            f'model "{spec.name}": the network returns {", ".join(kinds)}, '
            f"model.toml names {len(spec.outputs)} output tensors",
            hint="return one tensor, or a tuple with one tensor for each [[outputs]]",
        )
    arrays = []
    for tensor, value in zip(spec.outputs, values, strict=True):
        if tuple(value.shape) != tensor.shape:
            raise BuildError(
                f'model "{spec.name}": output "{tensor.name}" has shape {list(value.shape)}, '
                f"model.toml says {list(tensor.shape)}",
                hint='mend the "shape" under [[outputs]]',
            )
        array = value.to("cpu", torch.float32).numpy()
        if not np.isfinite(array).all():
            raise BuildError(
                f'model "{spec.name}": output "{tensor.name}" has NaN or infinite values on sample {sample}',
                hint="mend the weights or the samples: nothing can be held against such outputs",
            )
        arrays.append(array)
    return arrays
