"""TorchScript, optimized for inference when the file is loaded: opening a file runs the program that is in it."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from edgerig.ondevice.engines.own_tensors import NAME
from edgerig.ondevice.engines.torch_network import Network, TorchEngine


class TorchscriptEngine(TorchEngine):
    compiles = True
    notes = ("compiled: torch.jit.optimize_for_inference, for what it makes cannot be saved",)

    def _opened(self, path: str) -> tuple[Network, str]:
        extra = {NAME: ""}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            network = torch.jit.load(path, map_location="cpu", _extra_files=extra)
        return network, extra[NAME]

    def _compiled(self, network: Any, inputs: tuple[torch.Tensor, ...]) -> Network:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            optimized: Network = torch.jit.optimize_for_inference(network.eval())
        return optimized
