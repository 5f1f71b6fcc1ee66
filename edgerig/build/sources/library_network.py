"""What a library's function makes of a name: the network, and what is known of its tensors."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from edgerig.spec import TensorSpec


@dataclass(frozen=True)
class Network:
    """A library's network in inference mode, on the CPU, in float32. `module` takes one tensor (1, …) per input, in
    order, and gives one per output. `weighted` says that its weights are loaded already."""

    module: nn.Module
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    weighted: bool = False
    notes: tuple[str, ...] = ()
