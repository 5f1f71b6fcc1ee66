"""The process that looks at layers, `python -m edgerig.build.layers.worker FOLDER`: frameworks and the user's own model
code live and die here."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgerig.build.aside import answer
from edgerig.build.formats import converting
from edgerig.build.layers import ADAPTERS
from edgerig.build.layers.request import FED, FED_HINT, LayersRequest
from edgerig.build.layers.twins import Job, Twins, look
from edgerig.build.layout import to_layout
from edgerig.build.source import Arrays, SourceModel, load_source, one_sample
from edgerig.build.store import Store
from edgerig.build.streams import recorded
from edgerig.errors import BuildError
from edgerig.measure.layer_advice import advice
from edgerig.measure.layers import layer_results
from edgerig.measure.suspect import first_below, suspect
from edgerig.npy import load_arrays, read_lengths
from edgerig.registry import load_object
from edgerig.results import Artifact
from edgerig.results.layers import MOST_LAYERS, LayerReport

EQUALIZED = ("the float twin is equalized as well: it is what was quantized",)


def report(request: LayersRequest, folder: Path) -> LayerReport:
    """Looks at both variants. Raises EdgerigError."""
    began = time.monotonic()
    store = Store(request.store)
    data = _found(store, "data", request.data_key)
    job = Job(
        recipe=request.recipe,
        floating=_file(store, request.floating, folder),
        quantized=_file(store, request.quantized, folder),
        work=folder,
        samples=_samples(request, data),
        source=lambda: _source(request, data),
        calibration=lambda source: _calibration(request, data, source),
        program=request.program,
    )
    make: Callable[[Job], Twins] = load_object(ADAPTERS[request.format].code)
    with converting(f"looking into {request.variant}"):
        twins = make(job)
        looked = look(twins, job.samples)
        layers = layer_results(twins.operators, twins.inputs, looked.seen, twins.weights)[:MOST_LAYERS]
    low, worst = first_below(layers, request.threshold_db), suspect(layers, request.threshold_db)
    return LayerReport(
        variant=request.variant,
        format=request.format,
        recipe=request.recipe.name,
        sha256="" if request.quantized is None else request.quantized.sha256,
        method=twins.method,
        samples=len(job.samples),
        seconds=round(time.monotonic() - began, 3),
        threshold_db=request.threshold_db,
        layers=layers,
        first_below=low,
        suspect=worst,
        advice=advice(layers, low, worst, request.recipe, request.format),
        notes=(*twins.notes, *looked.notes, *(EQUALIZED if request.recipe.options.equalize else ())),
    )


def _found(store: Store, kind: str, key: str) -> Path:
    folder = store.find(kind, key)
    if folder is None:
        raise BuildError(f"the {kind} is no longer in the store", hint="try again")
    return folder


def _file(store: Store, artifact: Artifact | None, folder: Path) -> Path:
    """Of a format whose files are not read, a place where there is none."""
    return folder / "none" if artifact is None else _found(store, "artifact", artifact.key) / artifact.file


def _samples(request: LayersRequest, data: Path) -> list[Arrays]:
    """The first evaluation samples, each laid out as the file takes it, in its inputs' shapes."""
    arrays = [np.array(array[: request.samples]) for array in load_arrays(data, "input")]
    laid = to_layout(arrays, request.inputs, "any" if request.quantized is None else request.quantized.layout)
    shapes = [tensor.shape for tensor in (request.inputs if request.floating is None else request.floating.inputs)]
    return [
        [np.array(array[index], order="C").reshape(shape) for array, shape in zip(laid, shapes, strict=True)]
        for index in range(len(laid[0]))
    ]


def _source(request: LayersRequest, data: Path) -> SourceModel:
    """The source, to be traced with a sample of its data. Raises BuildError for one that is fed its own state."""
    traced = load_arrays(data, "calibration") or load_arrays(data, "input")
    loaded = load_source(request.model)
    if loaded.memory is not None and loaded.memory.fed:
        raise BuildError(f"{request.variant} {FED}", hint=FED_HINT)
    sample = one_sample(traced, loaded.spec.inputs, 0)
    return replace(loaded, sample=sample)


def _calibration(request: LayersRequest, data: Path, source: SourceModel) -> Arrays:
    """What each input is fed of the samples the recipe is calibrated on."""
    count, lengths = request.recipe.options.calibration_samples, read_lengths(data, "calibration")
    if lengths is not None:
        lengths = lengths[:count]
        count = sum(lengths)
    return recorded(source, [np.array(array[:count]) for array in load_arrays(data, "calibration")], lengths)


if __name__ == "__main__":
    answer(LayersRequest, report)
