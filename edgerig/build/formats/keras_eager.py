"""A Keras model's own file, for Keras' eager mode."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from edgerig.build.builder import Built
from edgerig.build.formats import converting
from edgerig.build.formats.framework import require_float
from edgerig.build.formats.tensorflow_network import as_function, constants, note
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel, layout_of
from edgerig.ondevice.engines.own_tensors import NAME
from edgerig.spec import RecipeSpec

FORMAT = "keras_eager"


class KerasEagerBuilder:
    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model, self._work = model, work

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        require_float(recipe, FORMAT)
        spec = self._model.spec
        network = find_route(spec.source, FORMAT)(self._model)
        with converting("keras.Model.save"):
            tensors = note(self._model, as_function(self._model))
            written = self._work / "model.keras"  # Keras goes by the suffix
            network.save(written)
            with zipfile.ZipFile(written, "a") as archive:  # Keras reads the members it knows
                archive.writestr(NAME, tensors)
            shutil.move(written, out)  # they may lie on two disks
        return Built(out, layout_of(spec.inputs), constants(network.variables))
