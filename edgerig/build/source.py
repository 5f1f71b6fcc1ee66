"""A source model in memory, inside a build's process: what every format builder starts from.

A source is one module under `sources/` with `load(spec) -> SourceModel`; `SOURCES` is its registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.errors import BuildError
from edgerig.registry import load_object
from edgerig.spec import Layout, ModelSpec, Source, TensorSpec

Arrays = list[npt.NDArray[np.float32]]
"""One float32 array (N, …) per input or output tensor, in the source model's own layout."""

SOURCES: dict[Source, str] = {
    "torch": "edgerig.build.sources.torch:load",
    "keras": "edgerig.build.sources.keras:load",
    "saved_model": "edgerig.build.sources.saved_model:load",
    "onnx": "edgerig.build.sources.file:load",
    "tflite": "edgerig.build.sources.file:load",
}


@dataclass(frozen=True)
class SourceModel:
    """`module` is the framework's own object in inference mode (torch: an `nn.Module` after `eval()`); a file's path.

    `spec` has `inputs` and `outputs`, those the file told where its `model.toml` did not.

    `infer` maps N samples (one array a tensor, batch axis first) to the source's outputs on them, computed sample by
    sample so that it equals what a batch-1 build sees.
    """

    spec: ModelSpec
    module: Any
    infer: Callable[[Arrays], Arrays]


def layout_of(tensors: tuple[TensorSpec, ...]) -> Layout:
    """The layout the 4-D ones share; "any" (feed them as they are) when none is declared or they differ."""
    layouts = {tensor.layout for tensor in tensors} - {"any"}
    return layouts.pop() if len(layouts) == 1 else "any"


def identifier(name: str) -> str:
    """A tensor's or layer's name with everything a framework reads as a path, or refuses, turned into underscores."""
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    return kept if kept[:1].isalpha() else f"t_{kept}"


def named_tensors(tensors: Iterable[tuple[str, tuple[int, ...]]], layout: Layout) -> tuple[TensorSpec, ...]:
    """Tensors as a file tells them (name, shape); 4-D ones are taken to be in `layout`."""
    return tuple(
        TensorSpec(name=name, shape=shape, layout=layout if len(shape) == 4 else "any") for name, shape in tensors
    )


def load_source(spec: ModelSpec) -> SourceModel:
    """The model with its weights loaded. Raises BuildError when its code or weights do not load."""
    if spec.source not in SOURCES:
        raise BuildError(
            f'model "{spec.name}": nothing builds from source "{spec.source}"',
            hint=f"sources that build: {', '.join(SOURCES)}",
        )
    loaded: SourceModel = load_object(SOURCES[spec.source])(spec)
    return loaded
