"""Networks of libraries in PyTorch, by name: `hf:`, `torchvision:`, `timm:` (`spec/named.py`).

A library's own function makes the network. Its weights are the model's fetched files; a model that has none gets random
ones, the same in every process on one machine.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from edgerig.build.settling import settling_samples
from edgerig.build.sources.hub_transformers import make
from edgerig.build.sources.library_network import Network
from edgerig.errors import BuildError, NotInstalled
from edgerig.spec import ModelSpec, Named, TensorSpec, named
from edgerig.spec.named import SCHEMES
from edgerig.spec.toml import nearest

SEED = 0
SETTLING_SAMPLES = 16
"""As many samples as an untrained network's batch norms take their statistics from."""
CHANNELS, SIDE = 3, 224
"""A picture, where neither the model nor the library says otherwise."""


def network(spec: ModelSpec) -> Network:
    """The network that `spec.library` names, with random weights unless it says that its own are loaded.

    Raises BuildError where the library has none of that name, or cannot make it; NotInstalled without the library.
    """
    wanted = _wanted(spec)
    module = _library(SCHEMES[wanted.scheme].package, wanted.text)
    with one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        found = _MAKERS[wanted.scheme](spec, wanted, module)
        if spec.random_weights:
            settle(found.module, settling_samples(spec, spec.inputs or found.inputs, SETTLING_SAMPLES, SEED))
    found.module.eval().requires_grad_(False)
    return found


def settle(module: nn.Module, samples: Sequence[Any]) -> None:
    """Makes the running statistics of every batch norm those of the activations that `samples` cause (N, … per input):
    with fresh ones, activations fade away from layer to layer, and every build looks right."""
    norms = [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0  # the running statistics become the batch's own
    module.train()
    module(*(torch.from_numpy(array) for array in samples))
    module.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread inside the block: how a sum is split over threads decides its last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _wanted(spec: ModelSpec) -> Named:
    found = named(str(spec.library))
    if found is None or found.scheme not in _MAKERS:
        raise BuildError(f'model "{spec.name}": "{spec.library}" names no network of a library')
    return found


def _library(package: str, what: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise NotInstalled(
            f"{what} needs {package}, which is not installed"
            if error.name == package
            else f"{what} needs {package}, which cannot be imported here: {error}",
            hint=f"pip install {package}",
        ) from error
    except (OSError, RuntimeError) as error:  # compiled against another torch: a library or an operator is missing
        raise NotInstalled(
            f"{what} needs {package}, which cannot be imported here: {type(error).__name__}: {error}",
            hint=f"install the {package} that was built for torch {torch.__version__}",
        ) from error


def _torchvision(spec: ModelSpec, wanted: Named, library: Any) -> Network:
    models = library.models
    if wanted.name not in models.list_models():
        raise _unknown(spec, wanted, models.list_models())
    module = _made(spec, lambda: models.get_model(wanted.name, weights=None))
    return Network(module, spec.inputs or (picture(SIDE, SIDE),), ("logits",))


def _timm(spec: ModelSpec, wanted: Named, library: Any) -> Network:
    if not library.is_model(wanted.name.partition(".")[0]):
        raise _unknown(spec, wanted, library.list_models())
    module = _made(spec, lambda: library.create_model(wanted.name, pretrained=False))
    size = module.pretrained_cfg.get("input_size") or (CHANNELS, SIDE, SIDE)
    return Network(module, spec.inputs or (picture(size[1], size[2], size[0]),), ("logits",))


_MAKERS: dict[str, Callable[[ModelSpec, Named, Any], Network]] = {
    "hf": make,
    "torchvision": _torchvision,
    "timm": _timm,
}


def picture(height: int, width: int, channels: int = CHANNELS) -> TensorSpec:
    """A normalized picture as an input."""
    return TensorSpec(name="image", shape=(1, channels, height, width), layout="NCHW")


def _made(spec: ModelSpec, make: Callable[[], nn.Module]) -> nn.Module:
    try:
        return make()
    except Exception as error:  # each architecture refuses in its own way
        raise BuildError(
            f'model "{spec.name}": {spec.library} cannot be made: {type(error).__name__}: {str(error)[:300]}',
            hint="does the library's own example make it?",
        ) from error


def _unknown(spec: ModelSpec, wanted: Named, known: Sequence[str]) -> BuildError:
    return BuildError(f'model "{spec.name}": {wanted.scheme} has no "{wanted.name}"', hint=nearest(wanted.name, known))
