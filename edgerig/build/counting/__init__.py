"""Counting a network's parameters, layers and multiply-accumulates: a module per kind of source, in a child process."""

from __future__ import annotations

from typing import NamedTuple

from edgerig.build.card import LayerCount, NetworkFacts
from edgerig.build.counting import entries
from edgerig.build.ready import inspect
from edgerig.build.source import SourceModel, fed, load_source, named_tensors
from edgerig.errors import BuildError
from edgerig.registry import load_object
from edgerig.spec import ModelSpec, TensorSpec, load_formats, load_sources


class Counts(NamedTuple):
    """`parameters` has `statistics`, the running ones of norms, in it; `reason` says why there are no MACs, or ""."""

    parameters: int
    statistics: int
    layers: dict[str, LayerCount]
    reason: str


def count(spec: ModelSpec) -> NetworkFacts:
    """Loads the model and counts it with its source's `counter(model) -> Counts`. Raises BuildError when it does not
    load."""
    row = load_sources()[spec.source]
    if row.finished:
        return _program(spec)
    model: SourceModel = load_source(spec)
    counts: Counts = load_object(row.counter)(model)
    return NetworkFacts(
        parameters=counts.parameters,
        statistics=counts.statistics,
        macs=None if counts.reason else sum(row.macs or 0 for row in counts.layers.values()),
        reason=counts.reason,
        layers=counts.layers,
        inputs=model.spec.inputs,
        outputs=model.spec.outputs,
        signatures=entries.of_saved_model(model) if spec.source == "saved_model" else entries.of_file(spec),
    )


def _program(spec: ModelSpec) -> NetworkFacts:
    """A finished program, of which its runtime tells the tensors."""
    format_spec = load_formats()[spec.source]
    if spec.path is None:
        raise BuildError(f'model "{spec.name}" is not a file', hint=f"give the path of a {format_spec.suffix} file")
    signatures = entries.of_file(spec)
    inputs: tuple[TensorSpec, ...] = ()  # of a program without the default method, each method has its own
    outputs: tuple[TensorSpec, ...] = ()
    if spec.signature or not signatures or any(entry.default for entry in signatures.values()):
        described, _ = inspect(spec.path, format_spec, spec=spec)
        inputs, outputs = (named_tensors(map(fed, each), "any") for each in (described.inputs, described.outputs))
    return NetworkFacts(
        parameters=None,
        statistics=None,
        macs=None,
        reason=f"a {format_spec.suffix} file is a finished program: its layers are not in it",
        layers={},
        inputs=inputs,
        outputs=outputs,
        signatures=signatures,
    )
