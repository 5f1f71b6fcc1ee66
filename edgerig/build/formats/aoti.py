"""AOTInductor: an exported network compiled ahead of time, a shared library with its weights in a `.pt2` archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from edgerig.build.formats.torch_program import TorchBuilder
from edgerig.ondevice.engines.own_tensors import NAME


class AotiBuilder(TorchBuilder):
    format = "aoti"
    tool = "AOTInductor"

    def _save(self, module: Any, sample: tuple[torch.Tensor, ...], tensors: str, out: Path) -> None:
        settings = {
            "aot_inductor.metadata": {NAME: tensors},
            "cpp.dynamic_threads": True,  # else loops are split among as many threads as this process has
            "compile_threads": 1,
        }
        torch._inductor.aoti_compile_and_package(
            torch.export.export(module, sample), package_path=str(out), inductor_configs=settings
        )
