"""AOTInductor packages: machine code that opening the file loads into this process. No Python graph, no compiler."""

from __future__ import annotations

from torch._inductor.package import load_package  # torch._inductor.aoti_load_package; its import is not the load's

from edgerig.ondevice.engines.own_tensors import NAME
from edgerig.ondevice.engines.torch_network import Network, TorchEngine


class AotiEngine(TorchEngine):
    def _opened(self, path: str) -> tuple[Network, str]:
        package = load_package(path, run_single_threaded=True)
        return package, package.loader.get_metadata().get(NAME, "")
