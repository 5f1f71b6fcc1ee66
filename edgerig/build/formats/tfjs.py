"""Graph models for TensorFlow.js, by its own converter in an environment of its own: it pins an older TensorFlow.

A model is `model.json` with shards of weights beside it, kept in one archive that is not compressed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np

from edgerig import process
from edgerig.build.beside import environment_of
from edgerig.build.builder import Built
from edgerig.build.formats import converting, first_words
from edgerig.build.formats.saved_model import SIGNATURE, pack, save
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel, layout_of
from edgerig.errors import BuildError, UnsupportedRecipe
from edgerig.spec import RecipeSpec, load_formats
from edgerig.web.archive import MAIN

FORMAT = "tfjs"
FLAGS = {"fp32": (), "fp16": ("--quantize_float16=*",), "int8-weight": ("--quantize_uint8=*",)}
"""Recipe → what the converter is told."""
DEADLINE_S = 900.0


class TfjsBuilder:
    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model, self._work = model, work
        self._saved: Path | None = None

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        """See `FormatBuilder.build`."""
        if recipe.kind not in FLAGS:
            raise UnsupportedRecipe(f"TensorFlow.js' converter knows no {recipe.name}", hint="choose another format")
        if self._saved is None:
            with converting(f'saving model "{self._model.spec.name}" for TensorFlow.js'):
                network = find_route(self._model.spec.source, FORMAT)(self._model)
                save(self._model, network, self._work / "saved")
            self._saved = self._work / "saved"
        folder = self._work / recipe.name
        shutil.rmtree(folder, ignore_errors=True)
        _convert(self._saved, folder, FLAGS[recipe.kind])
        pack(folder, out)
        return Built(out, layout_of(self._model.spec.inputs), _constants(folder / MAIN))


def _convert(saved: Path, out: Path, flags: tuple[str, ...]) -> None:
    """Raises BuildError with the converter's own words where it refuses the model."""
    tool = load_formats()[FORMAT].tool
    if tool is None:
        raise BuildError(f"the row of the format {FORMAT} names no converter", hint="reinstall edgerig")
    python = environment_of(tool, print).python
    command = [
        *(str(python), "-I", "-m", "tensorflowjs.converters.converter"),
        *("--input_format=tf_saved_model", "--output_format=tfjs_graph_model", f"--signature_name={SIGNATURE}"),
        *("--saved_model_tags=serve", *flags, str(saved), str(out)),
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = process.run(command, timeout_s=DEADLINE_S, env={**kept, "CUDA_VISIBLE_DEVICES": ""})
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    print(said)
    if done.returncode != 0 or done.timed_out or not (out / MAIN).is_file():
        why = f"not within {DEADLINE_S:g} s" if done.timed_out else _refusal(said)
        raise BuildError(f"TensorFlow.js' converter refuses the model: {why}", hint="the build's log has its own words")


def _refusal(said: str) -> str:
    """The line of an exception; the operators without a kernel in TensorFlow.js, which stand behind it."""
    _, found, operators = said.rpartition("Unsupported Ops")
    lines = [line.strip() for line in (operators if found else said).splitlines() if line.strip()]
    if found:
        return first_words(ValueError(f"it has no kernels for {' '.join(lines[1:])}"))
    telling = [line for line in lines if "Error" in line]
    return first_words(ValueError((telling or lines or ["it said nothing"])[-1]))


def _constants(model: Path) -> dict[str, int]:
    """Bytes of weights by the dtype they are stored in."""
    found: Counter[str] = Counter()
    for group in json.loads(model.read_text(encoding="utf-8"))["weightsManifest"]:
        for weight in group["weights"]:
            dtype = weight.get("quantization", weight)["dtype"]
            found[dtype] += int(np.prod(weight["shape"], dtype=np.int64)) * np.dtype(dtype).itemsize
    return dict(found)
