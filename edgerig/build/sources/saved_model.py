"""Models saved as a TensorFlow SavedModel: a folder, run through one of its signatures.

A SavedModel's graph is a program of TensorFlow operators, among them some that read and write files: load only folders
you trust. No Python code is stored in it or run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from edgerig.build.inference import infer_by_sample
from edgerig.build.source import DTYPES, Arrays, SourceModel, known_dtype, named_tensors
from edgerig.build.sources.tensorflow_state import require_no_own_state
from edgerig.build.streams import remembering
from edgerig.errors import BuildError
from edgerig.spec import ModelSpec, Shapes, TensorSpec

GRAPH = "saved_model.pb"
SIGNATURE = "serving_default"
Tensors = tuple[TensorSpec, ...]


class Signature(tf.Module):  # type: ignore[misc]  # tensorflow is Any to the type checker
    """A loaded SavedModel's signature with its tensors in the spec's order; holds the variables it reads."""

    def __init__(self, loaded: Any, signature: str, inputs: Tensors, outputs: Tensors) -> None:
        super().__init__()
        self.loaded = loaded
        self.function = loaded.signatures[signature]
        self.input_keys = _matched(_inputs_of(self.function), inputs, signature)
        self.output_keys = _matched(self.function.structured_outputs, outputs, signature)

    def call(self, *tensors: Any) -> list[Any]:
        """One (1, …) tensor per input to one tensor per output."""
        outputs = self.function(**dict(zip(self.input_keys, tensors, strict=True)))
        return [outputs[key] for key in self.output_keys]


def load(spec: ModelSpec) -> SourceModel:
    """The folder's signature at batch 1. Raises BuildError. A spec without tensors gets those of the signature."""
    folder = spec.path
    if folder is None:
        raise BuildError(f'model "{spec.name}": no SavedModel to load', hint='give its folder as "file"')
    signature = spec.signature or SIGNATURE
    loaded = _loaded(folder, signature)
    if not (spec.inputs and spec.outputs):
        inputs, outputs = _described(loaded, folder, signature, spec.inputs, spec.shapes)
        spec = spec.model_copy(update={"inputs": inputs, "outputs": spec.outputs or outputs})
    module = Signature(loaded, signature, spec.inputs, spec.outputs)

    def call(batch: Arrays) -> list[npt.NDArray[Any]]:
        return [value.numpy() for value in module.call(*(tf.constant(array) for array in batch))]

    notes = require_no_own_state(spec, call, module.function.variables, "give the signature the state as an argument")
    memory = remembering(spec, call)
    network, outer = (call, spec) if memory is None else (memory, memory.outside)

    def infer(arrays: Arrays) -> Arrays:
        return infer_by_sample(
            outer, network, arrays, hint=f"the signature {signature} takes the [[inputs]] of model.toml"
        )

    return SourceModel(spec, module, infer, notes=notes, memory=memory)


def describe(folder: Path, given: Tensors = ()) -> tuple[Tensors, Tensors]:
    """The signature's input and output tensors at batch 1, in the order of their names; four axes are NHWC.

    `given`, where not empty, replaces the inputs the signature declares. Raises BuildError.
    """
    return _described(_loaded(folder, SIGNATURE), folder, SIGNATURE, given)


def _loaded(folder: Path, signature: str) -> Any:
    if not (folder / GRAPH).is_file():
        raise BuildError(
            f"{folder}: not a SavedModel: it has no file saved_model.pb",
            hint="name the folder that holds saved_model.pb and variables/",
        )
    try:
        loaded = _without_optimizer(folder)
    except Exception as error:  # TensorFlow raises whatever its reader or a saved object's revival raises
        first = (str(error).strip().splitlines() or ["no message"])[0]
        raise BuildError(
            f"{folder}: TensorFlow {tf.__version__} cannot load it: {type(error).__name__}: {first}",
            hint="one saved by an old version may load there and be saved again; its weights alone are read by "
            "tf.train.load_checkpoint",
        ) from error
    if signature not in loaded.signatures:
        raise BuildError(
            f"{folder}: it has no signature {signature} (it has: {', '.join(loaded.signatures) or 'none'})",
            hint=f"name one it has ({folder}:NAME)"
            if loaded.signatures
            else "save it with model.export(path), or tf.saved_model.save(…, signatures=…)",
        )
    return loaded


def _without_optimizer(folder: Path) -> Any:
    """The loaded folder, if need be without the slots that its optimizer keeps beside the weights (momentum and the
    like), which no signature reads: the optimizers of Keras 2 are no longer revived, and nothing else takes slots
    (saved_object_graph.proto, SavedObject.slot_variables). Raises what TensorFlow raises."""
    try:
        return tf.saved_model.load(str(folder))
    except AttributeError as error:
        if "add_slot" not in str(error):
            raise
    saved = saved_model_pb2.SavedModel.FromString((folder / GRAPH).read_bytes())
    for graph in saved.meta_graphs:
        for node in graph.object_graph_def.nodes:
            node.ClearField("slot_variables")
    copy = Path(tempfile.mkdtemp(prefix="edgerig-saved-model-"))  # stays: assets are read again where it is converted
    for entry in folder.iterdir():
        if entry.name != GRAPH:
            (copy / entry.name).symlink_to(entry.resolve())
    (copy / GRAPH).write_bytes(saved.SerializeToString())
    return tf.saved_model.load(str(copy))


def _described(
    loaded: Any, folder: Path, signature: str, given: Tensors, shapes: Shapes | None = None
) -> tuple[Tensors, Tensors]:
    function = loaded.signatures[signature]
    declared = _inputs_of(function)
    shaped = {name: tf.TensorShape(shape) for name, shape in (shapes or {}).items()}
    inputs = given or tuple(
        _tensor(name, shaped.get(name, spec.shape), spec.dtype, folder) for name, spec in sorted(declared.items())
    )
    named = dict(zip(_matched(declared, inputs, signature), inputs, strict=True))
    # With the inputs' shapes known, those the signature leaves open in its outputs are too.
    traced = tf.function(lambda arguments: function(**arguments), autograph=False).get_concrete_function(
        {key: tf.TensorSpec(tensor.shape, declared[key].dtype) for key, tensor in named.items()}
    )
    outputs = sorted(traced.structured_outputs.items())
    return inputs, tuple(_tensor(name, tensor.shape, tensor.dtype, folder) for name, tensor in outputs)


def _inputs_of(function: Any) -> Mapping[str, Any]:
    inputs: Mapping[str, Any] = function.structured_input_signature[1]
    return inputs


def _tensor(name: str, shape: Any, dtype: Any, folder: Path) -> TensorSpec:
    if shape.rank is None or any(length is None for length in shape[1:]):
        raise BuildError(
            f'{folder}: tensor "{name}" has the open shape {shape}',
            hint="give the model a model.toml with [[inputs]] shape = […], every axis a number, and batch 1 in front",
        )
    if dtype.name not in DTYPES:
        raise BuildError(
            f'{folder}: tensor "{name}" is {dtype.name}',
            hint="only real numbers, integers and bools are fed and measured",
        )
    axes = tuple(1 if length is None else int(length) for length in shape)  # an open first axis is the batch
    return named_tensors([(name, axes, known_dtype(dtype.name))], "NHWC")[0]


def _matched(keys: Mapping[str, Any], tensors: Tensors, signature: str) -> list[str]:
    """The signature's key of each of `tensors`: of the same name, or, where there is but one, that one."""
    if len(keys) == len(tensors) == 1:
        return list(keys)
    if sorted(keys) != sorted(tensor.name for tensor in tensors):
        raise BuildError(
            f"the signature {signature} has the tensors {', '.join(sorted(keys))}, "
            f"model.toml names {', '.join(tensor.name for tensor in tensors)}",
            hint='give them the signature\'s names: "name" under [[inputs]] and [[outputs]]',
        )
    return [tensor.name for tensor in tensors]
