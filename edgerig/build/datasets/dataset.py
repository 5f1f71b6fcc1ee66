"""What every kind of dataset is to the rest of the build: samples in a fixed order, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from edgerig.spec import Dtype, Labels, Layout

Array = npt.NDArray[Any]
DEFAULT_CALIBRATION = 256
"""Samples taken of a calibration folder or file when the dataset says no number."""


@dataclass(frozen=True)
class Tensor:
    """An input of the model at batch size 1, as the dataset holds it; `layout` "any" where nobody said what its axes
    are. `order` transposes it to the model's own layout (a twin's), () where it is in that already.
    `range` is where its values lie, if known. `dtype` is what its values are kept in."""

    name: str
    shape: tuple[int, ...]
    layout: Layout = "any"
    order: tuple[int, ...] = ()
    range: tuple[float, float] | None = None
    dtype: Dtype = "float32"

    @property
    def of_model(self) -> tuple[int, ...]:
        """The shape as the model has it."""
        return tuple(self.shape[axis] for axis in self.order) or self.shape


@dataclass(frozen=True)
class Fits:
    """What the data must fit: the model's inputs, its first output's shape at batch 1, and what a label is.

    `classes` is how many classes a label can name, None when the output is not one score a class.
    """

    inputs: tuple[Tensor, ...]
    output: tuple[int, ...]
    labels: Labels
    classes: int | None


@dataclass(frozen=True)
class Batch:
    """n samples: an array (n, …) an input, their labels (n, …) or None, and what each sample is called in a message."""

    inputs: list[Array]
    labels: Array | None
    names: Callable[[int], str]


@dataclass(frozen=True)
class Split:
    """Samples in a fixed order; `batches` begins at the first one each time it is called. `count` is None where only
    reading tells."""

    count: int | None
    batches: Callable[[], Iterator[Batch]]


@dataclass(frozen=True)
class Dataset:
    """An opened dataset: its place for messages (`where`) and in a report's words (`origin`)."""

    where: str
    origin: str
    evaluation: Split
    calibration: Split | None
