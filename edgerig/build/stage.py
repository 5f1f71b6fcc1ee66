"""Functions of a model's folder that are called for one sample after another: before the network and after it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.build.factory import Function, function_of
from edgerig.errors import BuildError
from edgerig.results.stages import HostStage

Array = npt.NDArray[Any]


class StageCalls:
    """Calls the function `name` and times each call."""

    def __init__(self, name: str, function: Function) -> None:
        self.name = name
        self._function = function
        self._took_ns: list[int] = []

    def __call__(self, arrays: Sequence[Array]) -> dict[str, Any]:
        """What it makes of one sample's arrays, which have no batch axis: a value, several, or several by name; by
        name, which is a place where it gives none. Raises BuildError."""
        started = time.perf_counter_ns()
        given = self._function(list(arrays))
        self._took_ns.append(time.perf_counter_ns() - started)
        if isinstance(given, Mapping):
            return {str(name): value for name, value in given.items()}
        several = given if isinstance(given, list | tuple) else [given]
        if not several:
            raise BuildError(f"{self.name} gave nothing", hint="return an array, a text, a list or a dict of these")
        return {str(place): value for place, value in enumerate(several)}

    @property
    def timed(self) -> HostStage:
        """The median of all calls, in milliseconds."""
        took = self._took_ns
        return HostStage(p50_ms=statistics.median(took) / 1e6 if took else None, samples=len(took))


@contextmanager
def stage_of(folder: Path, name: str | None) -> Iterator[StageCalls | None]:
    """The function `"file.py:function"` seen from `folder`, its file executed once; None for no name."""
    if name is None:
        yield None
        return
    with function_of(folder, name) as function:
        yield StageCalls(name, function)


def as_array(value: Any, what: str) -> Array:
    """A number or an array of numbers. Raises BuildError."""
    found = np.asarray(value)
    if found.dtype.kind not in "fiub":
        raise BuildError(f"{what} gave {found.dtype}, numbers are needed", hint="return numpy arrays")
    return found
