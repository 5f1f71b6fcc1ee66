"""A format and its engine from outside the package: a linear layer's arrays in a file, computed by numpy.

What a new format and engine take is here and in `ROWS`, and nowhere else.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from edgerig.build.builder import Built
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel
from edgerig.ondevice.engines import Array, Description, TensorInfo
from edgerig.spec import RecipeSpec

ROWS = """
[engine.plain]
runtime = "Plain"
module = "plain:PlainEngine"
tells = ["threads"]
[engine.plain.options.negate]
summary = "the outputs with the other sign"
values = [false, true]

[format.plain]
summary = "the arrays of a linear layer"
builder = "plain:PlainBuilder"
engine = "plain"
suffix = ".plain"
tools = ["numpy"]
routes = { torch = "plain:weight_and_bias" }
[format.plain.recipes.fp32]
weights = "float32"
activations = "float32"
source = "numpy.savez"
constant_dtypes = ["float32"]
"""


def weight_and_bias(model: SourceModel) -> tuple[Array, Array]:
    """The route from torch: the float form is the two arrays, (outputs, inputs) and (outputs,) float32."""
    return model.module.weight.detach().numpy(), model.module.bias.detach().numpy()


class PlainBuilder:
    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model = model

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        weight, bias = find_route(self._model.spec.source, "plain")(self._model)
        with out.open("wb") as file:
            np.savez(file, weight=weight, bias=bias)
        return Built(out, "any", {"float32": weight.nbytes + bias.nbytes})


class PlainEngine:
    def __init__(self, negate: bool = False) -> None:
        self._sign = np.float32(-1 if negate else 1)

    def load(self, path: str, threads: int) -> None:
        with np.load(path) as arrays:
            self._weight, self._bias = arrays["weight"], arrays["bias"]

    def set_inputs(self, inputs: list[Array]) -> None:
        (self._given,) = [array.copy() for array in inputs]

    def invoke(self) -> None:
        self._found = self._sign * (self._given @ self._weight.T + self._bias)

    def outputs(self) -> list[Array]:
        return [self._found.copy()]

    def describe(self) -> Description:
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
