"""XLA ahead of time: TensorFlow's tfcompile makes object files of a SavedModel's graph, the C++ compiler a library of
them (`xla_library.py`). A library is for one processor; the batch is the one it was compiled with."""

from __future__ import annotations

import json
import os
import platform
import shutil
from pathlib import Path
from typing import Any

import tensorflow as tf

from edgerig.build.builder import Built
from edgerig.build.formats import converting
from edgerig.build.formats.framework import require_float
from edgerig.build.formats.saved_model import SIGNATURE, save
from edgerig.build.formats.tensorflow_network import as_function, constants, note
from edgerig.build.formats.xla_library import CLASS, TARGETS, Program, Target, TensorFlow, linked
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel, layout_of
from edgerig.cache import cache_root
from edgerig.errors import BuildError, UnsupportedRecipe
from edgerig.ondevice.engines.xla import MAGIC, TRAILER, VERSION
from edgerig.spec import RecipeSpec

FORMAT = "xla"
FLAGS = "--xla_cpu_multi_thread_eigen=false --xla_cpu_experimental_ynn_fusion_type= "
"""As `saved_model_cli aot_compile_cpu` sets them: a program of one thread, which calls no library that is not there."""


class XlaBuilder:
    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model, self._work = model, work

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        """See `FormatBuilder.build`."""
        require_float(recipe, FORMAT)
        _require_fixed(self._model)
        network = find_route(self._model.spec.source, FORMAT)(self._model)
        with converting("saving the network for XLA"):
            tensors = json.loads(note(self._model, as_function(self._model)))
            self._note = json.dumps(tensors | {VERSION: tf.__version__}).encode()
            self._constants = constants(save(self._model, network, self._work / "saved"))
        return self.build_for(platform.machine(), recipe, out)

    def build_for(self, machine: str, recipe: RecipeSpec, out: Path) -> Built:
        """See `MachineCodeBuilder.build_for`."""
        target = TARGETS.get(machine)
        if target is None:
            raise BuildError(
                f"XLA's programs are compiled for {' and '.join(TARGETS)} here, not for {machine}",
                hint="build on, and for, one of these",
            )
        folder = self._work / machine
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with converting("XLA's compiler"):
            program = _compiled(self._work / "saved", target, folder)
        linked(program, target, TensorFlow(tf.__version__, Path(tf.__file__).parent), cache_root() / "native", out)
        with out.open("ab") as file:
            file.write(self._note + TRAILER.pack(MAGIC, len(self._note)))
        return Built(out, layout_of(self._model.spec.inputs), self._constants)


def _require_fixed(model: SourceModel) -> None:
    """Raises UnsupportedRecipe for a tensor whose length the data decides: a program's buffers are made before."""
    for tensor in (*model.spec.inputs, *model.spec.outputs):
        if -1 in tensor.shape:
            raise UnsupportedRecipe(
                f'tensor "{tensor.name}" is {list(tensor.shape)}: XLA compiles for fixed shapes, not the data\'s',
                hint="cut off what selects by the data, or choose another format",
            )


def _compiled(saved: Path, target: Target, folder: Path) -> Program:
    """What `saved_model_cli aot_compile_cpu` does, with every file in `folder`. Raises what XLA raises."""
    # Both are parts of TensorFlow that saved_model_cli is made of; they are loaded when they are wanted.
    from tensorflow.python import _pywrap_tfcompile
    from tensorflow.python.tools import saved_model_aot_compile, saved_model_utils

    graph, config = saved_model_aot_compile.freeze_model(
        checkpoint_path=str(saved / "variables" / "variables"),
        meta_graph_def=_graph(saved_model_utils, saved),
        output_prefix=str(folder),
        signature_def_key=SIGNATURE,
        variables_to_feed=(),
    )
    program = Program(folder / "program.h", folder / "program.o", folder / "constants.o")
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}"  # XLA reads them once in a process
    _pywrap_tfcompile.Compile(
        graph=graph,
        config=config,
        cpp_class=CLASS,
        target_triple=target.triple,
        target_cpu=target.cpu,
        entry_point="edgerig_program",
        out_function_object=str(program.kernels),
        out_header=str(program.header),
        out_metadata_object=str(folder / "metadata.o"),  # which no program reads
        out_constant_buffers_object=str(program.constants),
        gen_name_to_index=True,
        gen_program_shape=False,
    )
    return program


def _graph(reader: Any, saved: Path) -> Any:
    return reader.get_meta_graph_def(str(saved), tf.saved_model.SERVING)
