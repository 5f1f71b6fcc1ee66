"""torch.compile with its default backend, Inductor: an exported network compiled to C++ when the file is loaded.

It needs a C++ compiler on the device. What it compiled is kept in the folder TORCHINDUCTOR_CACHE_DIR names, else in one
of this process alone.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

import torch
import torch._inductor.compile_fx  # what compiling imports is not the compilation's

from edgerig.ondevice.engines.torch_eager import opened
from edgerig.ondevice.engines.torch_network import Network, TorchEngine

CACHE = "TORCHINDUCTOR_CACHE_DIR"


class TorchCompileEngine(TorchEngine):
    compiles = True
    notes = ("compiled: torch.compile, with the first inference that makes it compile, by this device's C++ compiler",)

    def _opened(self, path: str) -> tuple[Network, str]:
        return opened(path)

    def _compiled(self, network: Network, inputs: tuple[torch.Tensor, ...]) -> Network:
        if CACHE not in os.environ:  # else it is one folder for all processes, and the second compiles nothing
            own = os.environ[CACHE] = tempfile.mkdtemp(prefix="edgerig-inductor-")
            atexit.register(shutil.rmtree, own, ignore_errors=True)
        torch._inductor.config.compile_threads = 1  # more are processes, which would go on beside the timing
        compiled: Network = torch.compile(network, fullgraph=True)
        compiled(*inputs)
        return compiled
