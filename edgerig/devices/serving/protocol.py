"""How a server is asked: what differs between TorchServe, the KServe v2 protocol and TensorFlow Serving, a module each.

None of them reaches anything by itself: each makes questions for a `Link` and reads its replies, so that all are tested
against recorded exchanges as well as against servers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edgerig.devices.serving.link import Question, Reply
from edgerig.errors import RunError, UnparsableOutput
from edgerig.ondevice.engines import Array, TensorInfo

Named = Sequence[tuple[str, Array]]


@dataclass(frozen=True)
class Told:
    """What a server has counted of a model since it began: requests it has answered, and what these took it."""

    requests: int
    nanoseconds: int


class Dialect(Protocol):
    """A server's protocol, for one model."""

    def predict(self, inputs: Named) -> Question:
        """One sample's request. Raises RunError where the protocol cannot say it."""

    def outputs(self, reply: Reply, wanted: Sequence[TensorInfo]) -> list[Array]:
        """The answer's tensors as the file has them. Raises UnparsableOutput where they are not."""

    def statistics(self) -> Question | None:
        """What asks for what the server itself counts; None where it tells of nothing."""

    def told(self, reply: Reply) -> Told:
        """Raises UnparsableOutput where the reply does not tell."""


def matched(found: Sequence[tuple[str, Array]], wanted: Sequence[TensorInfo]) -> list[Array]:
    """The tensors as the file has them, by name, a single one also without. Raises UnparsableOutput for others."""
    by_name = dict(found)
    if len(found) == len(wanted) == 1:
        by_name = {wanted[0].name: found[0][1]}
    missing = [tensor.name for tensor in wanted if tensor.name not in by_name]
    if missing:
        raise UnparsableOutput(
            f"the server's answer has {[name for name, _ in found]}, not the file's outputs {missing}"[:500],
            hint="does the server serve another model under this name?",
        )
    return [fitted(by_name[tensor.name], tensor) for tensor in wanted]


def fitted(array: Array, tensor: TensorInfo) -> Array:
    """The array in the tensor's dtype and shape, where that is its. Raises UnparsableOutput."""
    fits = array.ndim == len(tensor.shape) and all(
        want in (-1, got) for got, want in zip(array.shape, tensor.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "biuf":
        raise UnparsableOutput(
            f'output "{tensor.name}" came as {array.shape} of {array.dtype.name}, the file has {tensor.shape}',
            hint="does the server serve another model under this name?",
        )
    return np.ascontiguousarray(array, dtype=np.dtype(tensor.dtype)).reshape(array.shape)


def json_of(reply: Reply) -> object:
    """Raises UnparsableOutput where the reply's body is no JSON."""
    try:
        found: object = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise UnparsableOutput(f"the server answered with what is no JSON: {reply.said()}") from error
    return found


def json_body(value: object) -> bytes:
    """Raises RunError for a number JSON has none for."""
    try:
        return json.dumps(value, allow_nan=False).encode()
    except ValueError as error:
        raise RunError(f"a sample cannot be sent as JSON: {error}", hint="it holds NaN or an infinity") from error


def array_of(value: object) -> Array:
    """Nested lists of numbers as an array. Raises UnparsableOutput."""
    try:
        found = np.asarray(value)
    except ValueError as error:
        raise UnparsableOutput(f"the server's answer is no tensor: {error}"[:300]) from error
    if found.dtype.kind not in "biuf":
        raise UnparsableOutput(f"the server's answer is no tensor of numbers: {str(value)[:100]}")
    return found
