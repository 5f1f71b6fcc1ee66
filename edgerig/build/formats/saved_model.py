"""A tf.function in a SavedModel: the graph with its variables, the folder packed into one file without compression."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from edgerig.build.builder import Built
from edgerig.build.formats import converting
from edgerig.build.formats.framework import require_float
from edgerig.build.formats.tensorflow_network import as_function, constants, note
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel, layout_of
from edgerig.ondevice.engines.own_tensors import NAME
from edgerig.spec import RecipeSpec

FORMAT = "saved_model"
SIGNATURE = "serving_default"


class SavedModelBuilder:
    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model, self._work = model, work

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        require_float(recipe, FORMAT)
        spec = self._model.spec
        network = find_route(spec.source, FORMAT)(self._model)
        with converting("tf.saved_model.save"), tempfile.TemporaryDirectory(dir=self._work) as folder:
            tensors = note(self._model, as_function(self._model))
            variables = save(self._model, network, Path(folder))
            (Path(folder) / NAME).write_text(tensors, encoding="utf-8")
            pack(Path(folder), out)
        return Built(out, layout_of(spec.inputs), constants(variables))


def save(model: SourceModel, network: Any, folder: Path) -> list[Any]:
    """Writes the network with one signature, whose inputs are `input_0`, …, its outputs `output_0`, … in the model's
    order; gives the variables it reads."""
    function = as_function(model)
    wanted = [
        tf.TensorSpec(tensor.shape, tf.as_dtype(tensor.dtype), name=f"input_{place}")
        for place, tensor in enumerate(model.spec.inputs)
    ]

    def serve(*tensors: Any) -> dict[str, Any]:
        return {f"output_{place}": tf.identity(value) for place, value in enumerate(function(*tensors))}

    traced = tf.function(serve, autograph=False).get_concrete_function(*wanted)
    kept = tf.Module()
    kept.network, kept.variables_read = network, list(traced.variables)
    tf.saved_model.save(kept, str(folder), signatures={SIGNATURE: traced})
    return list(traced.variables)


def pack(folder: Path, out: Path) -> None:
    """The folder's files in the archive `out`, in the order of their names and without their times."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(file for file in folder.rglob("*") if file.is_file()):
            archive.writestr(zipfile.ZipInfo(path.relative_to(folder).as_posix()), path.read_bytes())
