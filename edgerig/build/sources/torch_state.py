"""A torch module that keeps something between calls (a cache in its buffers) as one that keeps nothing: what it keeps
comes in and goes out, and is fed back (`build/streams.py`).

ONNX has no variables, and converters to TFLite drop the changes of a buffer in silence; with its state outside, a
module means the same in every format, and calibration sees the states it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from edgerig.build.probing import UNKNOWN_STATE, probes
from edgerig.build.source import identifier, known_dtype
from edgerig.errors import BuildError
from edgerig.spec import ModelSpec, TensorSpec
from edgerig.spec.stream import StateSpec

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


def with_explicit_state(module: nn.Module, spec: ModelSpec) -> tuple[nn.Module, ModelSpec, tuple[str, ...]]:
    """The module and its spec, the state outside where calls were seen to change buffers, and what to note of it.
    Raises BuildError when a buffer changes its shape or dtype, or a first call fails that has changed some."""
    before = {name: value.detach().clone() for name, value in module.named_buffers()}
    if not before:
        return module, spec, ()
    changed = _changed_by_calls(module, spec, before)
    if not changed:
        return module, spec, () if changed is not None else (UNKNOWN_STATE,)
    inputs, outputs, state = list(spec.inputs), list(spec.outputs), list(spec.state)
    for name in changed:
        tensor = before[name]
        known = TensorSpec(
            name=_own_name(name, [each.name for each in (*inputs, *outputs)]),
            shape=(1, *tensor.shape),
            dtype=known_dtype(str(tensor.dtype).removeprefix("torch.")),
        )
        inputs.append(known)
        outputs.append(known.model_copy(update={"name": known.name + NEXT}))
        row = {"from": known.name + NEXT, "to": known.name, "initial": _initial(tensor)}
        state.append(StateSpec.model_validate(row))
    told = {"inputs": tuple(inputs), "outputs": tuple(outputs), "state": tuple(state)}
    return ExplicitState(module, changed).eval(), spec.model_copy(update=told), ()


def _own_name(buffer: str, taken: Sequence[str]) -> str:
    """What a buffer's input is called: a name that, with its output's, no other tensor has, since state is found by
    them, nor one that exporters make the same of."""
    own, known = identifier(buffer), {*taken, *(identifier(name) for name in taken)}
    candidates = (own, *(f"{own}_state{number or ''}" for number in range(len(known) + 1)))
    return next(name for name in candidates if not {name, name + NEXT} & known)


def _changed_by_calls(module: nn.Module, spec: ModelSpec, before: dict[str, torch.Tensor]) -> list[str] | None:
    """The buffers that calls in a row change; None where the module takes no inputs drawn for it, so that nothing is
    known. All have their values of `before` again behind it.

    What a call writes into one buffer shows in another only calls later (a delay line, whose taps are zeros at first),
    so calls go on until one adds none.
    """
    found: set[str] = set()
    for number in range(len(before) + 1):
        ran = _called(module, spec, number)
        more = _changed(module, spec, before) - found
        if not ran and not number:
            _restore(module, before, more)
            if more:
                raise BuildError(
                    f'model "{spec.name}": a call on drawn inputs changes its buffers ({", ".join(sorted(more))}) and '
                    "then fails, so that what it keeps between calls is not known",
                    hint='give its [[inputs]] the "range" of values it takes',
                )
            return None
        found |= more
        if not more or not ran:
            break
    _restore(module, before, found)
    return [name for name in before if name in found]


def _called(module: nn.Module, spec: ModelSpec, seed: int) -> bool:
    """Does it take inputs drawn for it?"""
    for sample in probes(spec.inputs, seed):
        with suppress(Exception), torch.no_grad():  # the user's own code: where it fails on its data too, that says so
            module(*(torch.from_numpy(array) for array in sample))
            return True
    return False


def _changed(module: nn.Module, spec: ModelSpec, before: dict[str, torch.Tensor]) -> set[str]:
    after = dict(module.named_buffers())
    for name, value in before.items():
        now = after.get(name)
        if now is None or now.shape != value.shape or now.dtype != value.dtype:
            raise BuildError(
                f'model "{spec.name}": its buffer "{name}" has another shape after a call',
                hint="a cache that grows has no place in a file: give it its full length and write into it",
            )
    return {name for name, value in before.items() if not _same(after[name], value)}


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Also where both are not numbers."""
    return bool(((one == other) | ((one != one) & (other != other))).all())


def _restore(module: nn.Module, before: dict[str, torch.Tensor], names: Iterable[str]) -> None:
    for name in names:
        _assign(module, name, before[name].clone())


def _assign(module: nn.Module, name: str, value: torch.Tensor) -> None:
    owner, _, leaf = name.rpartition(".")
    holder: Any = module.get_submodule(owner)
    holder._buffers[leaf] = value


def _initial(tensor: torch.Tensor) -> Any:
    """The number it holds everywhere, else all of them, with the batch axis."""
    if tensor.numel() and bool((tensor == tensor.flatten()[0]).all()):
        return float(tensor.flatten()[0])
    return tensor.unsqueeze(0).tolist()
