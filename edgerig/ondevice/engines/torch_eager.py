"""PyTorch's eager mode: an exported network's operators called one by one from Python, nothing fused or compiled."""

from __future__ import annotations

import os

import torch
import torch.export.pt2_archive._package  # what loading a program imports is not the load's

from edgerig.ondevice.engines.own_tensors import NAME
from edgerig.ondevice.engines.torch_network import Network, TorchEngine


def opened(path: str) -> tuple[Network, str]:
    """The exported program in the `.pt2` archive as a module, and what the archive notes of its tensors."""
    # What is pickled in an archive is read without running its code: else torch would, where that fails.
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    extra = {NAME: ""}
    program = torch.export.load(path, extra_files=extra)
    return program.module().requires_grad_(False), extra[NAME]


class TorchEagerEngine(TorchEngine):
    notes = (
        "the exported network calls PyTorch's operators from Python, one by one: a few microseconds each beside what "
        "the original module takes",
    )

    def _opened(self, path: str) -> tuple[Network, str]:
        return opened(path)
