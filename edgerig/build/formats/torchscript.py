"""TorchScript: the network traced on a sample, its weights frozen into the graph."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from edgerig.build.formats.torch_program import TorchBuilder
from edgerig.ondevice.engines.own_tensors import NAME


class TorchscriptBuilder(TorchBuilder):
    """What optimize_for_inference makes cannot be loaded again once it is saved (its oneDNN weights are lost), so that
    the engine does it when it loads the file."""

    format = "torchscript"
    tool = "torch.jit.trace"

    def _save(self, module: Any, sample: tuple[torch.Tensor, ...], tensors: str, out: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it is measured because people still have it
            traced = torch.jit.freeze(torch.jit.trace(module, sample).eval())
        torch.jit.save(traced, str(out), _extra_files={NAME: tensors})
