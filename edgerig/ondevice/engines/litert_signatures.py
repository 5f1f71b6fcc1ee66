"""The signatures of a `.tflite` file: named ways into it, each a subgraph with names for its inputs and outputs.

A file without the choice of one is run through its first subgraph, as `Interpreter.invoke` does, which is the whole of
most files; the tensors then have the graph's own names, in the graph's order. Of a signature that was chosen they have
the signature's names, in their order (`SignatureDef`, schema.fbs).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from edgerig.ondevice.engines import Array, UnknownSignature

MAIN = 0
"""The subgraph the interpreter runs by itself."""


class Entry:
    """A way into a loaded interpreter. It keeps no hold of what is below the interpreter, which refuses to reallocate
    while anybody does."""

    def __init__(self, interpreter: Any, signature: str) -> None:
        """Raises UnknownSignature when the file has no `signature`; "" is its first subgraph."""
        self._interpreter = interpreter
        known: dict[str, Any] = interpreter._get_full_signature_list()
        places = {name: interpreter._interpreter.GetSubgraphIndexFromSignature(name) for name in known}
        self.signatures = tuple(sorted(known))
        if signature and signature not in known:
            has = ", ".join(self.signatures) or "none"
            raise UnknownSignature(f'it has no signature "{signature}"; it has: {has}', self.signatures)
        self._names: dict[str, Any] | None = known[signature] if signature else None
        self.signature = signature or next((name for name in sorted(places) if places[name] == MAIN), "")
        self.subgraph: int = places[signature] if signature else MAIN

    def allocate(self) -> None:
        """All of them are given memory: the interpreter hands subgraphs to delegates only when it does so itself."""
        self._interpreter.allocate_tensors()
        if self.subgraph != MAIN:
            self._interpreter._interpreter.AllocateTensors(self.subgraph)

    def inputs(self) -> list[dict[str, Any]]:
        """As `Interpreter.get_input_details` tells them."""
        details: list[dict[str, Any]] = self._interpreter.get_input_details()
        return details if self._names is None else self._named("inputs")

    def outputs(self) -> list[dict[str, Any]]:
        details: list[dict[str, Any]] = self._interpreter.get_output_details()
        return details if self._names is None else self._named("outputs")

    def _named(self, kind: str) -> list[dict[str, Any]]:
        tensors: dict[str, int] = {} if self._names is None else self._names[kind]
        found = {name: self._interpreter._get_tensor_details(tensors[name], self.subgraph) for name in sorted(tensors)}
        return [{**details, "name": name} for name, details in found.items()]

    def resize(self, index: int, shape: tuple[int, ...]) -> None:
        wrapper = self._interpreter._interpreter
        wrapper.ResizeInputTensor(index, np.array(shape, dtype=np.int32), False, self.subgraph)

    def set(self, index: int, value: Array) -> None:
        self._interpreter._interpreter.SetTensor(index, value, self.subgraph)

    def get(self, index: int) -> Array:
        value: Array = self._interpreter._interpreter.GetTensor(index, self.subgraph)
        return value

    def invoke(self) -> Callable[[], None]:
        """The compiled Invoke itself. The public one adds a check for live views of tensor memory, 0.15 µs a call; no
        view is ever taken here."""
        bound = self._interpreter._interpreter.Invoke
        return bound if self.subgraph == MAIN else partial(bound, self.subgraph)
