"""The seam between a format and what is said of its layers: two networks that were run side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgerig.build.source import Arrays, SourceModel
from edgerig.errors import BuildError
from edgerig.measure.layers import Operator, Range, Seen, Values, Weights
from edgerig.results import Artifact
from edgerig.spec import RecipeSpec

Pair = tuple[str, Values, Values]
"""A tensor of the twin by name, its values there and in the quantized network, dequantized."""
LISTED = 10
"""Tensors named in a note, at most."""


@dataclass(frozen=True)
class Job:
    """What a format is given: the float32 variant and the quantized one, as built, a scratch folder, and the samples
    that both will be fed, as their files take them. `source` loads the model, `calibration` gives what each of its
    inputs is fed of the samples that the recipe is calibrated on: for formats whose files show nothing of their inside,
    of which `program` is what was built, where that is at hand.
    """

    recipe: RecipeSpec
    floating: Path
    quantized: Path
    work: Path
    samples: Sequence[Arrays]
    source: Callable[[], SourceModel]
    calibration: Callable[[SourceModel], Arrays]
    program: Artifact | None = None


@dataclass(frozen=True)
class Twins:
    """`operators` are the float twin's, in the order they run, `inputs` its input tensors; `weights` are by operator,
    `ranges` by tensor. `axis` tells a tensor's channels. `run` takes one sample, laid out as the file takes it.
    `notes` say where what is run may not be what was built."""

    method: str
    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    weights: Mapping[str, Weights]
    ranges: Mapping[str, Range]
    axis: Callable[[Values], int]
    run: Callable[[Arrays], Iterator[Pair]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Looked:
    """What both give over the samples, by tensor; `unlike` are those that are left out, of another shape in one of them
    for a sample, or of other channels from sample to sample: lengths that the data decides."""

    seen: Mapping[str, Seen]
    unlike: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        if not self.unlike:
            return ()
        more = f" and {len(self.unlike) - LISTED} more" if len(self.unlike) > LISTED else ""
        return (f"left out, of lengths that the data decides: {', '.join(self.unlike[:LISTED])}{more}",)


def look(twins: Twins, samples: Iterable[Arrays]) -> Looked:
    """Runs both over the samples. Raises BuildError where no tensor is of the same shape in both."""
    seen: dict[str, Seen] = {}
    unlike: dict[str, str] = {}
    for sample in samples:
        for name, floating, quantized in twins.run(sample):
            if name not in seen:
                seen[name] = Seen(twins.axis(floating), twins.ranges.get(name))
            try:
                seen[name].see(floating, quantized)
            except ValueError as error:
                unlike.setdefault(name, str(error))
    for name in unlike:
        del seen[name]
    if not seen and unlike:
        name, why = next(iter(unlike.items()))
        raise BuildError(f'tensor "{name}": {why}', hint="the two files are not of one network")
    if not seen:
        raise BuildError("the quantized file has no tensor of its float twin's", hint="build both anew")
    return Looked(seen, tuple(unlike))


def range_of(scale: float, zero: int, dtype: np.dtype[Any]) -> Range:
    """What an integer tensor of one scale holds."""
    bounds = np.iinfo(dtype)
    return Range((int(bounds.min) - zero) * scale, (int(bounds.max) - zero) * scale, scale)
