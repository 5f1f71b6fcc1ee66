"""A network as torch.export has it, in a `.pt2` archive: what both PyTorch's eager mode and its compiler start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from edgerig.build.formats.torch_program import TorchBuilder
from edgerig.ondevice.engines.own_tensors import NAME


class TorchEagerBuilder(TorchBuilder):
    format = "torch_eager"
    tool = "torch.export"

    def _save(self, module: Any, sample: tuple[torch.Tensor, ...], tensors: str, out: Path) -> None:
        torch.export.save(torch.export.export(module, sample), out, extra_files={NAME: tensors})
