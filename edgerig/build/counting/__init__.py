"""Counting a network's parameters, layers and multiply-accumulates: one module a kind of source, in a child process."""

from __future__ import annotations

from typing import NamedTuple

from edgerig.build.card import LayerCount, NetworkFacts
from edgerig.build.ready import inspect
from edgerig.build.source import SourceModel, fed, load_source, named_tensors
from edgerig.errors import BuildError
from edgerig.registry import load_object
from edgerig.spec import ModelSpec, Source, load_formats

COUNTERS: dict[Source, str] = {
    "torch": "edgerig.build.counting.torch:count",
    "keras": "edgerig.build.counting.keras:count",
    "saved_model": "edgerig.build.counting.files:saved_model",
    "onnx": "edgerig.build.counting.files:onnx",
    "tflite": "edgerig.build.counting.files:tflite",
}
"""Source → its `count(model) -> Counts`."""


class Counts(NamedTuple):
    """`parameters` has `statistics`, the running ones of norms, in it; `reason` says why there are no MACs, or ""."""

    parameters: int
    statistics: int
    layers: dict[str, LayerCount]
    reason: str


def count(spec: ModelSpec) -> NetworkFacts:
    """Loads the model and counts it. Raises BuildError when it does not load."""
    if spec.source == "executorch":
        return _program(spec)
    model: SourceModel = load_source(spec)
    counts: Counts = load_object(COUNTERS[spec.source])(model)
    return NetworkFacts(
        parameters=counts.parameters,
        statistics=counts.statistics,
        macs=None if counts.reason else sum(row.macs or 0 for row in counts.layers.values()),
        reason=counts.reason,
        layers=counts.layers,
        inputs=model.spec.inputs,
        outputs=model.spec.outputs,
    )


def _program(spec: ModelSpec) -> NetworkFacts:
    """A .pte file: a finished program, of which its runtime tells the tensors."""
    if spec.path is None:
        raise BuildError(f'model "{spec.name}" is not a file', hint="give the path of a .pte file")
    described = inspect(spec.path, load_formats()["executorch"])
    return NetworkFacts(
        parameters=None,
        statistics=None,
        macs=None,
        reason="a .pte file is a finished program: its layers are not in it",
        layers={},
        inputs=named_tensors(map(fed, described.inputs), "any"),
        outputs=named_tensors(map(fed, described.outputs), "any"),
    )
