"""A network as torch.export has it, which its engine compiles when it loads it."""

from __future__ import annotations

from edgerig.build.formats.torch_eager import TorchEagerBuilder


class TorchCompileBuilder(TorchEagerBuilder):
    format = "torch_compile"
