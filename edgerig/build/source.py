"""A source model in memory, inside a build's process: what every format builder starts from.

A source is one module under `sources/` with `load(spec) -> SourceModel`; `SOURCES` is its registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.errors import BuildError
from edgerig.registry import load_object
from edgerig.spec import ModelSpec

Arrays = list[npt.NDArray[np.float32]]
"""One float32 array (N, …) per input or output tensor, in the source model's own layout."""

SOURCES = {"torch": "edgerig.build.sources.torch:load"}


@dataclass(frozen=True)
class SourceModel:
    """`module` is the framework's own object in inference mode (torch: an `nn.Module` after `eval()`).

    `infer` maps N samples (one array a tensor, batch axis first) to the source's outputs on them, computed sample by
    sample so that it equals what a batch-1 build sees.
    """

    spec: ModelSpec
    module: Any
    infer: Callable[[Arrays], Arrays]


def load_source(spec: ModelSpec) -> SourceModel:
    """The model with its weights loaded. Raises BuildError when its code or weights do not load."""
    if spec.source not in SOURCES:
        raise BuildError(
            f'model "{spec.name}": nothing builds from source "{spec.source}"',
            hint=f"sources that build: {', '.join(SOURCES)}",
        )
    loaded: SourceModel = load_object(SOURCES[spec.source])(spec)
    return loaded
