"""A format with its engine as another package adds them: one file. A linear layer's arrays, computed by numpy.

The engine's class is in the file too, so the file goes onto devices: what only the host has is imported in functions.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgerig.build.builder import Built
    from edgerig.build.source import Arrays, SourceModel
    from edgerig.ondevice.engines import Array, Description
    from edgerig.ondevice.job import Job
    from edgerig.ondevice.profiles import About, Event
    from edgerig.ondevice.profiles.clock import Clock
    from edgerig.spec import RecipeSpec

ENGINE = {
    "runtime": "Plain",
    "module": "plain_format:PlainEngine",
    "profiler": "plain_format:profiler",
    "distributions": ["numpy"],
    "imports": "numpy",
    "pip": ["numpy"],
    "tells": ["threads"],
    "options": {"negate": {"summary": "the outputs with the other sign", "values": [False, True]}},
}
FORMAT = {
    "summary": "the arrays of a linear layer",
    "builder": "plain_format:PlainBuilder",
    "engine": "plain",
    "suffix": ".plain",
    "tools": ["numpy"],
    "routes": {"torch": "plain_format:weight_and_bias"},
    "recipes": {
        "fp32": {
            "weights": "float32",
            "activations": "float32",
            "source": "numpy.savez",
            "constant_dtypes": ["float32"],
        }
    },
}


def weight_and_bias(model: SourceModel) -> tuple[Array, Array]:
    """The route from torch: the float form is the two arrays, (outputs, inputs) and (outputs,) float32."""
    return model.module.weight.detach().numpy(), model.module.bias.detach().numpy()


class PlainBuilder:
    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model = model

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        import numpy as np

        from edgerig.build.builder import Built
        from edgerig.build.routes import find_route

        weight, bias = find_route(self._model.spec.source, "plain")(self._model)
        with out.open("wb") as file:
            np.savez(file, weight=weight, bias=bias)
        return Built(out, "any", {"float32": weight.nbytes + bias.nbytes})


class PlainEngine:
    def __init__(self, negate: bool = False) -> None:
        import numpy as np

        self._sign = np.float32(-1 if negate else 1)

    def load(self, path: str, threads: int) -> None:
        import numpy as np

        with np.load(path) as arrays:
            self._weight, self._bias = arrays["weight"], arrays["bias"]

    def set_inputs(self, inputs: list[Array]) -> None:
        (self._given,) = [array.copy() for array in inputs]

    def invoke(self) -> None:
        self._found = self._sign * (self._given @ self._weight.T + self._bias)

    def outputs(self) -> list[Array]:
        return [self._found.copy()]

    def describe(self) -> Description:
        from edgerig.ondevice.engines import Description, TensorInfo

        outputs, inputs = self._weight.shape
        return Description(
            inputs=[TensorInfo("x", (1, inputs), "float32")],
            outputs=[TensorInfo("y", (1, outputs), "float32")],
            runtime="Plain",
            version="1",
            threads=1,
            delegation_reason="there is nothing to delegate to",
            notes=[f"on {sorted(os.sched_getaffinity(0))}"],
        )


def profiler(job: Job, artifact: str, inputs: Sequence[Array], clock: Clock) -> PlainProfiler:
    engine = PlainEngine(**job.engine_options)
    engine.load(artifact, job.threads)
    engine.set_inputs([array[:1] for array in inputs])
    return PlainProfiler(engine, clock)


class PlainProfiler:
    """What the engine computes in one expression, in two operators."""

    def __init__(self, engine: PlainEngine, clock: Clock) -> None:
        self.invoke = engine.invoke
        self._engine, self._clock = engine, clock
        self._told: list[list[Event]] = []

    def look(self) -> int:
        from edgerig.ondevice.profiles import Event, Operator

        engine, names = self._engine, ("MATMUL", "ADD")
        began = self._clock.now()
        found = engine._given @ engine._weight.T
        between = self._clock.now()
        engine._found = engine._sign * (found + engine._bias)
        ended = self._clock.now()
        took = (between - began, ended - between)
        self._told.append(
            [
                Event(Operator(name, "kernel", place), each)
                for place, (name, each) in enumerate(zip(names, took, strict=True))
            ]
        )
        return ended - began

    def told(self) -> list[list[Event]]:
        return self._told

    def about(self) -> About:
        from edgerig.ondevice.profiles import About

        return About("two readings of the clock", None, 0)
