"""What every kind of dataset is to the rest of the build: samples in a fixed order, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from edgerig.build.datasets.labels import LabelSet
from edgerig.build.layout import axes_in, order_in
from edgerig.build.stage import StageCalls
from edgerig.measure.metrics import Given
from edgerig.spec import Dtype, Labels, Layout, TensorSpec
from edgerig.spec.stream import Answer

Array = npt.NDArray[Any]
DEFAULT_CALIBRATION = 256
"""Samples taken of a calibration folder or file when the dataset says no number."""


@dataclass(frozen=True)
class Tensor:
    """An input of the model at batch size 1, as the dataset holds it; `layout` "any" where nobody said what its axes
    are. `order` transposes it to the model's own layout (a twin's), () where it is in that already.
    `range` is where its values lie, if known. `dtype` is what its values are kept in. `batch` is the axis of the batch,
    None where there is none."""

    name: str
    shape: tuple[int, ...]
    layout: Layout = "any"
    order: tuple[int, ...] = ()
    range: tuple[float, float] | None = None
    dtype: Dtype = "float32"
    batch: int | None = 0

    @property
    def sample(self) -> tuple[int, ...]:
        """The shape without the batch's axis: N samples are an array (N, …) of it."""
        return self.shape if self.batch is None else self.shape[: self.batch] + self.shape[self.batch + 1 :]

    @property
    def sample_of_model(self) -> tuple[int, ...]:
        """The same as the model has it."""
        return tuple(self.shape[axis] for axis in self.order)[1:] if self.order else self.sample


def stored(tensor: TensorSpec, layout: Layout) -> Tensor:
    """The model's input as its dataset holds it: in `layout`, where both are known."""
    own = tensor.layout if "any" in (tensor.layout, layout) else layout
    shape, order = axes_in(tensor.shape, tensor.layout, own), order_in(own, tensor.layout)
    return Tensor(tensor.name, shape, own, order, tensor.range, tensor.dtype, tensor.batch)


@dataclass(frozen=True)
class Fits:
    """What the data must fit: the model's inputs, its first output's shape at batch 1, and what a label is.

    `classes` is how many classes a label can name, None when the output is not one score a class.
    """

    inputs: tuple[Tensor, ...]
    output: tuple[int, ...]
    labels: Labels
    classes: int | None
    apart: tuple[LabelSet, ...] = ()
    """The sets of labels that are read apart from the samples; `labels` is "inputs" then."""
    preprocess: StageCalls | None = None
    """What makes the model's inputs of a sample's arrays."""
    answer: Answer | None = None
    """Where a sample is a sequence of steps, what of its steps is judged."""


@dataclass(frozen=True)
class Batch:
    """n samples: an array (n, …) an input, their labels (n, …) or None, and what each sample is called in a message.
    Where samples are sequences, the n are the steps of several whole ones, whose `lengths` they are."""

    inputs: list[Array]
    labels: Array | None
    names: Callable[[int], str]
    lengths: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Split:
    """Samples in a fixed order; `batches` begins at the first one each time it is called. `count` is None where only
    reading tells."""

    count: int | None
    batches: Callable[[], Iterator[Batch]]


@dataclass(frozen=True)
class Dataset:
    """An opened dataset: its place for messages (`where`) and in a report's words (`origin`). Of one that is `drawn` at
    random, which has streams of its own for both, a sample may be drawn twice where there are few."""

    where: str
    origin: str
    evaluation: Split
    calibration: Split | None
    drawn: bool = False
    labels: Mapping[str, Given] = field(default_factory=dict)
    """Those of `Fits.apart`, by their sets' names."""
