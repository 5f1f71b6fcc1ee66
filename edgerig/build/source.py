"""A source model in memory, inside a build's process: what every format builder starts from.

A source is one module under `sources/` with `load(spec) -> SourceModel`, named by its row of `sources.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from edgerig.build.memory import Memory
from edgerig.errors import BuildError
from edgerig.ondevice.engines import TensorInfo
from edgerig.ondevice.evaluate import LENGTHS
from edgerig.ondevice.tensors import outside_dtype
from edgerig.registry import load_object
from edgerig.spec import Dtype, Layout, ModelSpec, Shape, TensorSpec, load_sources
from edgerig.spec.model import DYNAMIC

Arrays = list[npt.NDArray[Any]]
"""One array (N, …) per input or output tensor, of the tensor's own dtype, in the source model's own layout."""

DTYPES: tuple[Dtype, ...] = get_args(Dtype)


@dataclass(frozen=True)
class SourceModel:
    """`module` is the framework's own object in inference mode (torch: an `nn.Module` after `eval()`); a file's path.

    `spec` has `inputs` and `outputs`, those the file told where its `model.toml` did not.

    `sample` is what to trace the model with: one sample of its data, an array of its tensor's shape an input.
    Only where a model is loaded without data is it drawn at random.

    `memory` is the state of a network that has one; `infer` then takes and gives what is `outside`.

    `shapes`, where not empty, are the inputs' shapes that a file must be opened with: its own axes are left open, since
    it is not sound with them fixed.

    `anew` are the samples of its calibration data, but for the first, before which what it remembers begins anew.

    `notes` is what a reader of every variant's figures must know of how the source was loaded.

    `infer` maps N samples (one array (N, …) per tensor) to the source's outputs on them, computed sample by
    sample so that it equals what a batch-1 build sees.
    """

    spec: ModelSpec
    module: Any
    infer: Callable[[Arrays], Arrays]
    sample: Arrays = field(default_factory=list)
    notes: tuple[str, ...] = ()
    memory: Memory | None = None
    shapes: tuple[Shape, ...] = ()
    anew: tuple[int, ...] = ()

    @property
    def outside(self) -> ModelSpec:
        """The spec as data and results have it: without what is fed back."""
        return self.spec if self.memory is None else self.memory.outside

    def restart(self, lengths: Sequence[int] | None = None) -> None:
        """Takes the state back to its beginning: `infer` goes on from wherever the last one left it. Where samples are
        steps of sequences, `lengths` are those of the sequences."""
        if self.memory is not None:
            self.memory.restart(lengths)


def layout_of(tensors: tuple[TensorSpec, ...]) -> Layout:
    """The layout the 4-D ones share; "any" (feed them as they are) when none is declared or they differ."""
    layouts = {tensor.layout for tensor in tensors} - {"any"}
    return layouts.pop() if len(layouts) == 1 else "any"


def identifier(name: str) -> str:
    """A tensor's or layer's name with everything a framework reads as a path, or refuses, turned into underscores."""
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    return kept if kept[:1].isalpha() else f"t_{kept}"


def named_tensors(tensors: Iterable[tuple[str, tuple[int, ...], Dtype]], layout: Layout) -> tuple[TensorSpec, ...]:
    """Tensors as a file tells them (name, shape, dtype); 4-D ones are taken to be in `layout`."""
    return tuple(
        TensorSpec(
            name=name,
            shape=shape,
            dtype=dtype,
            layout=layout if len(shape) == 4 and shape[0] == 1 else "any",
            batch_axis=None if shape[:1] == (1,) else "none",
        )
        for name, shape, dtype in tensors
    )


def known_dtype(name: str) -> Dtype:
    """numpy's name of a dtype as a tensor's; what numpy has no name for (bfloat16) is fed and read as float32."""
    return next((dtype for dtype in DTYPES if dtype == name), "float32")


def fed(tensor: TensorInfo) -> tuple[str, tuple[int, ...], Dtype]:
    """What a file's tensor is outside of it: name, shape, and the dtype it is fed and read in."""
    return tensor.name, tensor.shape, known_dtype(outside_dtype(tensor.dtype, tensor.scale).name)


def output_names(spec: ModelSpec) -> tuple[str, ...]:
    """What the model's outputs are called: behind them all stand the shapes of those whose lengths the data decides."""
    names = tuple(tensor.name for tensor in spec.outputs)
    return names + tuple(tensor.name + LENGTHS for tensor in spec.outputs if DYNAMIC in tensor.shape)


def load_source(spec: ModelSpec) -> SourceModel:
    """The model with its weights loaded. Raises BuildError when its code or weights do not load."""
    rows = load_sources()
    if finished := rows[spec.source].finished:
        raise BuildError(
            f'model "{spec.name}": nothing builds from source "{spec.source}": {finished}',
            hint=f"sources that build: {', '.join(name for name, row in rows.items() if not row.finished)}",
        )
    load: Callable[[ModelSpec], SourceModel] = load_object(rows[spec.source].loader)
    loaded = load(_shaped(spec))
    if spec.shapes and any(DYNAMIC in tensor.shape for tensor in loaded.spec.outputs):
        loaded = load(loaded.spec.model_copy(update={"outputs": _settled(spec, loaded)}))
    inputs = loaded.spec.inputs
    return replace(loaded, sample=one_sample(drawn(inputs, SAMPLE_SEED, 1), inputs, 0))


def _shaped(spec: ModelSpec) -> ModelSpec:
    """The spec with its inputs in the `shapes` of the sweep; its outputs then have whatever lengths follow."""
    if not spec.shapes:
        return spec
    inputs = (
        tensor.model_copy(update={"shape": shape}) if (shape := spec.shapes.get(tensor.name)) else tensor
        for tensor in spec.inputs
    )
    outputs = (
        tensor.model_copy(update={"shape": (DYNAMIC,) * len(tensor.shape), "batch_axis": None, "layout": "any"})
        for tensor in spec.outputs
    )
    return spec.model_copy(update={"inputs": tuple(inputs), "outputs": tuple(outputs)})


def _settled(spec: ModelSpec, loaded: SourceModel) -> tuple[TensorSpec, ...]:
    """The loaded model's outputs in the lengths that they have with the sweep's shapes: one inference's. What the
    spec's own outputs leave to the data stays open."""
    arrays = loaded.infer(drawn(loaded.spec.inputs, SAMPLE_SEED, 1))
    found = dict(zip(output_names(loaded.spec), arrays, strict=True))
    own = {tensor.name: tensor.shape for tensor in spec.outputs}
    settled = []
    for tensor in loaded.spec.outputs:
        lengths = found.get(tensor.name + LENGTHS)
        if lengths is not None:
            shape = tuple(int(length) for length in lengths[0])
            kept = own.get(tensor.name, (0,) * len(shape))
            shape = tuple(DYNAMIC if was == DYNAMIC else now for was, now in zip(kept, shape, strict=True))
            tensor = tensor.model_copy(update={"shape": shape})
        settled.append(tensor)
    return tuple(settled)


def one_sample(arrays: Arrays, tensors: Sequence[TensorSpec], index: int) -> Arrays:
    """Sample `index` of arrays (N, …) in its tensors' shapes. They are copies: a framework may refuse read-only memory,
    and samples may come from a memory-mapped file."""
    return [np.array(a[index], order="C").reshape(t.shape) for a, t in zip(arrays, tensors, strict=True)]


SAMPLE_SEED = 0


def drawn(tensors: Iterable[TensorSpec], seed: int | list[int], count: int) -> Arrays:
    """`count` random samples: real numbers and integers spread evenly over a tensor's `range`; without one, real
    numbers standard-normal, bools either, integers 0 (which any table an index looks into has)."""
    rng = np.random.default_rng(seed)
    return [_drawn(rng, tensor, count) for tensor in tensors]


def _drawn(rng: np.random.Generator, tensor: TensorSpec, count: int) -> npt.NDArray[Any]:
    size, dtype = (count, *tensor.of_sample), np.dtype(tensor.dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, size).astype(dtype)
    if dtype.kind in "iu":
        low, high = (0, 0) if tensor.range is None else (int(tensor.range[0]), int(tensor.range[1]))
        return rng.integers(low, high, size, dtype=dtype, endpoint=True)
    if tensor.range is None:
        return rng.standard_normal(size, dtype=np.float32).astype(dtype)
    return rng.uniform(*tensor.range, size).astype(dtype)
