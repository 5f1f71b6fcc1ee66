"""A torch module that keeps something between calls (a cache in its buffers) as one that keeps nothing: what it keeps
comes in and goes out, and is fed back (`build/streams.py`).

ONNX has no variables, and converters to TFLite drop the changes of a buffer in silence; with its state outside, a
module means the same in every format, and calibration sees the states it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from edgerig.build.source import drawn, identifier, known_dtype
from edgerig.errors import BuildError
from edgerig.spec import ModelSpec, TensorSpec
from edgerig.spec.stream import StateSpec

SEED = 0
NEXT = "_next"
"""Behind a buffer's name: the output that has it after the inference."""


class ExplicitState(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """`module` with its buffers `names` as further inputs and outputs, each with a batch axis in front."""

    def __init__(self, module: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.module = module
        self.names = tuple(names)

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given, kept = tensors[: -len(self.names)], tensors[-len(self.names) :]
        # A module that assigns a buffer instead of writing into it changes the table (functional_call).
        state = {name: value.squeeze(0).clone() for name, value in zip(self.names, kept, strict=True)}
        returned = functional_call(self.module, state, given)
        results = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
        return (*results, *(state[name].unsqueeze(0) for name in self.names))


def with_explicit_state(module: nn.Module, spec: ModelSpec) -> tuple[nn.Module, ModelSpec]:
    """The module and its spec, the state outside where a call was seen to change buffers. Raises BuildError when a
    buffer changes its shape or dtype."""
    before = {name: value.detach().clone() for name, value in module.named_buffers()}
    if not before:
        return module, spec
    changed = _changed_by_a_call(module, spec, before)
    if not changed:
        return module, spec
    inputs, outputs, state = list(spec.inputs), list(spec.outputs), list(spec.state)
    for name in changed:
        tensor = before[name]
        known = TensorSpec(
            name=identifier(name),
            shape=(1, *tensor.shape),
            dtype=known_dtype(str(tensor.dtype).removeprefix("torch.")),
        )
        inputs.append(known)
        outputs.append(known.model_copy(update={"name": known.name + NEXT}))
        row = {"from": known.name + NEXT, "to": known.name, "initial": _initial(tensor)}
        state.append(StateSpec.model_validate(row))
    told = {"inputs": tuple(inputs), "outputs": tuple(outputs), "state": tuple(state)}
    return ExplicitState(module, changed).eval(), spec.model_copy(update=told)


def _changed_by_a_call(module: nn.Module, spec: ModelSpec, before: dict[str, torch.Tensor]) -> list[str]:
    """The buffers that a call changes; all have their values of `before` again behind it."""
    sample = [torch.from_numpy(array) for array in drawn(spec.inputs, SEED, 1)]
    try:
        with torch.no_grad():
            module(*sample)
    except Exception:  # the user's own code: where it fails on its data too, that says so
        return []
    after = dict(module.named_buffers())
    changed = []
    for name, value in before.items():
        now = after.get(name)
        if now is None or now.shape != value.shape or now.dtype != value.dtype:
            raise BuildError(
                f'model "{spec.name}": its buffer "{name}" has another shape after a call',
                hint="a cache that grows has no place in a file: give it its full length and write into it",
            )
        if not torch.equal(now, value):
            changed.append(name)
    for name in changed:
        _assign(module, name, before[name].clone())
    return changed


def _assign(module: nn.Module, name: str, value: torch.Tensor) -> None:
    owner, _, leaf = name.rpartition(".")
    holder: Any = module.get_submodule(owner)
    holder._buffers[leaf] = value


def _initial(tensor: torch.Tensor) -> Any:
    """The number it holds everywhere, else all of them, with the batch axis."""
    if tensor.numel() and bool((tensor == tensor.flatten()[0]).all()):
        return float(tensor.flatten()[0])
    return tensor.unsqueeze(0).tolist()
