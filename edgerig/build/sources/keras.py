"""Models authored in Keras, on the TensorFlow backend: a saved file, a factory, or one of `keras.applications`.

- `file = "net.keras"` (or a legacy `.h5`): the whole model, network and weights;
- `factory = "file.py:function"`: it returns a `keras.Model`;
- `application = "MobileNetV2"`: the architecture at the spec's shapes, giving logits, its weights random but always the
  same ones unless a local file is given. Nothing is ever downloaded.

`weights` (`.weights.h5`, `.h5`) is loaded into the network of a factory or application. Files are loaded in Keras' safe
mode: code in them (a Lambda layer) is refused, never unpickled or run.
"""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"  # Keras reads it once, when it is imported; this is a build's own process

import keras
import numpy.typing as npt
import tensorflow as tf

from edgerig.build.factory import call_factory
from edgerig.build.inference import infer_by_sample, known_bytes
from edgerig.build.settling import settling_samples
from edgerig.build.source import DTYPES, Arrays, SourceModel, identifier, known_dtype
from edgerig.build.sources.keras_dtypes import in_float32
from edgerig.build.sources.keras_legacy import LEGACY_LAYERS
from edgerig.build.sources.small_suffix import with_small_suffix
from edgerig.build.sources.tensorflow_state import require_no_own_state
from edgerig.build.streams import remembering
from edgerig.errors import BuildError
from edgerig.spec import ModelSpec, Shapes, TensorSpec

Tensors = tuple[TensorSpec, ...]
SEED = 0
"""For layers initialised at random: a model's processes must all see the same weights."""
SETTLING_SAMPLES = 16
"""As many samples as an untrained network's batch norms take their statistics from."""
SETTLING_SIZE = 64
"""The length given to an axis the architecture leaves open, while they do."""
CALL_HINT = "call() takes the [[inputs]] of model.toml in order, a sample at a time"


def load(spec: ModelSpec) -> SourceModel:
    """The spec's network at batch 1, its inputs named as in the spec. Raises BuildError.

    A spec without tensors gets those the model itself declares (see `describe`).
    """
    where = f'model "{spec.name}"' if spec.path is None else str(spec.path)
    model, notes = in_float32(_bring(spec), where)
    model = _with_own_outputs(model)
    if not (spec.inputs and spec.outputs):
        inputs, outputs = _described(model, where, spec.inputs or _declared(model, where, spec.shapes))
        spec = spec.model_copy(update={"inputs": inputs, "outputs": spec.outputs or outputs})
    network = _at_batch_one(model, spec.inputs, f'model "{spec.name}"')
    learnt = {id(weight.value) for weight in network.trainable_weights}
    network.trainable = False
    run = tf.function(lambda *batch: _flat(network(list(batch), training=False)), autograph=False)

    def call(batch: Arrays) -> list[npt.NDArray[Any]]:
        return [value.numpy() for value in run(*(tf.constant(array) for array in batch))]

    given = [tf.TensorSpec(tensor.shape, tf.as_dtype(tensor.dtype)) for tensor in spec.inputs]
    # What is not learnt may be a cache that a layer writes into. Chance is no state.
    variables = run.get_concrete_function(*given).graph.variables
    others = [each for each in variables if id(each) not in learnt and "seed_generator" not in each.name]
    state = require_no_own_state(spec, call, others, "RNN layers return it with return_state = True")
    memory = remembering(spec, call)
    called, outer = (call, spec) if memory is None else (memory, memory.outside)

    def infer(arrays: Arrays) -> Arrays:
        return infer_by_sample(outer, called, arrays, hint=CALL_HINT)

    return SourceModel(spec, network, infer, notes=(*notes, *state), memory=memory)


def describe(model: Path | keras.Model, given: Tensors = ()) -> tuple[Tensors, Tensors]:
    """The input and output tensors of a saved model (or one in memory) at batch 1; four axes are NHWC.

    `given`, where not empty, replaces the inputs the model declares. Raises BuildError when the file does not load,
    the model declares no inputs, or a shape other than the batch is left open.
    """
    where = str(model) if isinstance(model, Path) else f'Keras model "{model.name}"'
    whole, _ = in_float32(read(model) if isinstance(model, Path) else model, where)
    return _described(_with_own_outputs(whole), where, given)


def read(path: Path) -> keras.Model:
    """The whole model saved in a `.keras` or `.h5` file. Raises BuildError."""
    if not path.is_file():
        raise BuildError(f"{path}: no such file", hint="check the path of the Keras model")
    if path.suffix.lower() == ".keras":
        _check_archive(path)
    keras.config.set_image_data_format("channels_last")
    try:
        with with_small_suffix(path) as file:
            return keras.saving.load_model(file, custom_objects=LEGACY_LAYERS, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the file's layers raise
        message, hint = _explained(error)
        raise BuildError(f"{path}: Keras cannot load it: {message}", hint=hint) from error


def tensor_spec(name: str, shape: Sequence[int | None], dtype: str, where: str) -> TensorSpec:
    """A tensor of the model in `where` at batch 1. Raises BuildError for an open axis or what is no number."""
    if any(length is None for length in shape[1:]):
        shown = ", ".join("?" if length is None else str(length) for length in shape)
        raise BuildError(
            f'{where}: tensor "{name}" has the open shape ({shown})',
            hint="give the model a model.toml with [[inputs]] shape = […], every axis a number, and batch 1 in front",
        )
    if dtype not in DTYPES:
        raise BuildError(
            f'{where}: tensor "{name}" is {dtype}', hint="only real numbers, integers and bools are fed and measured"
        )
    axes = (1, *(int(length) for length in shape[1:] if length is not None))
    return TensorSpec(name=name, shape=axes, dtype=known_dtype(dtype), layout="NHWC" if len(axes) == 4 else "any")


def _bring(spec: ModelSpec) -> keras.Model:
    keras.config.set_image_data_format("channels_last")
    keras.utils.set_random_seed(SEED)
    if spec.path is not None:
        return read(spec.path)
    model = _application(spec, spec.application) if spec.application is not None else _made(spec, str(spec.factory))
    if spec.weights is None:
        if spec.application is not None:
            _settle_batch_norms(model, spec)
    else:
        weights = spec.located(spec.weights)
        known_bytes(spec, weights)
        try:
            model.load_weights(weights)
        except Exception as error:  # as in read()
            raise BuildError(
                f'{weights}: does not fit the network of "{spec.application or spec.factory}": {_first_line(error)}',
                hint="the weights belong to another version of the network; save them with model.save_weights()",
            ) from error
    return model


def _made(spec: ModelSpec, factory: str) -> keras.Model:
    model = call_factory(spec.folder, factory, fetched=spec.fetched)
    if not isinstance(model, keras.Model):
        raise BuildError(
            f'factory "{factory}" of model "{spec.name}" gave a {type(model).__module__}.{type(model).__name__}, '
            "not a keras.Model",
            hint="return a model made with Keras 3 (import keras), an instance, not its class",
        )
    return model


def _application(spec: ModelSpec, name: str) -> keras.Model:
    """`keras.applications`' network of that name with as many classes as the spec's output has, without softmax."""
    architectures = sorted(n for n in dir(keras.applications) if n[0].isupper())
    if name not in architectures:
        raise BuildError(
            f'model "{spec.name}": keras.applications has no "{name}"', hint=f"it has: {', '.join(architectures)}"
        )
    sizes: dict[str, Any] = {}
    if spec.inputs:
        sizes["input_shape"] = spec.inputs[0].shape[1:]
    if spec.outputs:
        sizes["classes"] = spec.outputs[0].shape[-1]
    try:
        return getattr(keras.applications, name)(weights=None, classifier_activation=None, **sizes)
    except Exception as error:  # each architecture refuses shapes in its own way
        raise BuildError(
            f'model "{spec.name}": keras.applications.{name} cannot be made: {_first_line(error)}',
            hint='correct the "shape" under [[inputs]] and [[outputs]]',
        ) from error


def _settle_batch_norms(model: keras.Model, spec: ModelSpec) -> None:
    """Gives the batch norms of an untrained network the statistics of a batch of its data (`settling_samples`).

    With fresh ones, activations shrink from layer to layer until no recipe's error can be told from another's.
    """
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    inputs = spec.inputs or tuple(
        TensorSpec(name=tensor.name, shape=(1, *(length or SETTLING_SIZE for length in tensor.shape[1:])))
        for tensor in model.inputs
    )
    model(_structured(model, settling_samples(spec, inputs, SETTLING_SAMPLES, SEED)), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _at_batch_one(model: keras.Model, inputs: Tensors, where: str) -> keras.Model:
    """`model` called on inputs of fixed shapes, named as in the specs: converters keep both."""
    tensors = [keras.Input(batch_shape=t.shape, dtype=t.dtype, name=identifier(t.name)) for t in inputs]
    try:
        return keras.Model(tensors, _flat(model(_structured(model, tensors), training=False)))
    except Exception as error:  # a layer refuses a shape in its own way
        shapes = ", ".join(str(t.shape) for t in inputs)
        raise BuildError(
            f"{where}: it does not take inputs of shape {shapes}: {_first_line(error)}",
            hint="correct the [[inputs]] of model.toml: one for each input, with batch 1 in front",
        ) from error


def _with_own_outputs(model: keras.Model) -> keras.Model:
    """`model` with outputs that are an input, or there already, as copies: Keras cannot call one that passes a tensor
    through, and converters drop or merge such outputs."""
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        return model
    seen = {id(tensor) for tensor in inputs}
    own = []
    for tensor in outputs:
        own.append(keras.layers.Identity()(tensor) if id(tensor) in seen else tensor)
        seen.add(id(tensor))
    return model if all(a is b for a, b in zip(own, outputs, strict=True)) else keras.Model(model.input, own)


def _described(model: keras.Model, where: str, given: Tensors) -> tuple[Tensors, Tensors]:
    inputs = given or _declared(model, where, {})
    outputs = _at_batch_one(model, inputs, where).outputs
    names = _distinct([_layer_name(tensor) for tensor in _declared_outputs(model, outputs)])
    return inputs, tuple(
        tensor_spec(name, tensor.shape, tensor.dtype, where) for name, tensor in zip(names, outputs, strict=True)
    )


def _declared(model: keras.Model, where: str, shapes: Shapes) -> Tensors:
    """The inputs the model itself declares, in the sweep's `shapes`."""
    declared = getattr(model, "inputs", None)
    if not declared:
        raise BuildError(
            f"{where}: it declares no inputs (a subclassed model, or one not yet built)",
            hint="give the model a model.toml with [[inputs]] and their shapes",
        )
    names = _distinct([tensor.name for tensor in declared])
    return tuple(
        tensor_spec(name, shapes.get(name, t.shape), t.dtype, where) for name, t in zip(names, declared, strict=True)
    )


def _declared_outputs(model: keras.Model, computed: list[Any]) -> list[Any]:
    """The outputs that carry their layers' names: the model's own where it declares any."""
    declared = getattr(model, "outputs", None)
    return list(declared) if declared else computed


def _layer_name(tensor: Any) -> str:
    """The name of the layer that computes `tensor`: a Keras tensor's own is only a number that counts up."""
    return str(tensor._keras_history.operation.name)


def _distinct(names: list[str]) -> list[str]:
    repeated = {name for name, count in Counter(names).items() if count > 1}
    return [f"{name}_{index}" if name in repeated else name for index, name in enumerate(names)]


def _structured(model: keras.Model, tensors: Sequence[Any]) -> Any:
    """`tensors`, in the order of `model.inputs`, as the list, dict or single tensor the model is called with."""
    declared = getattr(model, "input", None) if getattr(model, "inputs", None) else None
    if declared is None:
        return tensors[0] if len(tensors) == 1 else list(tensors)
    return keras.tree.pack_sequence_as(declared, list(tensors))


def _flat(outputs: Any) -> list[Any]:
    return list(keras.tree.flatten(outputs))


def _check_archive(path: Path) -> None:
    """Raises BuildError when a `.keras` file is no zip archive, or one of its members is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise BuildError(
            f"{path}: not a .keras archive ({error}): cut short, or of another kind",
            hint="copy it again, or save it again with model.save()",
        ) from error
    if damaged is not None:
        raise BuildError(f'{path}: its member "{damaged}" is damaged', hint="copy it again, or save it again")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def _explained(error: Exception) -> tuple[str, str]:
    """What went wrong when a file was loaded, and what to do about it."""
    text = str(error)
    if "`Lambda` layer" in text:
        return (
            "it has a Lambda layer, whose code stands in the file: code in a file is never run",
            "replace the Lambda layer by a layer of Keras (Rescaling, Reshape, …), or give the model as a factory",
        )
    if "No model config" in text:
        hint = 'the file holds weights only: give the network as "factory", and this file as "weights"'
    elif "truncated" in text or "signature not found" in text:
        hint = "the file is cut short or not HDF5: copy it again, or save it again with model.save()"
    elif "Could not locate class" in text or "Unknown layer" in text:
        hint = "it has a layer of your own: give the model as a factory that makes it and loads its weights"
    else:
        hint = "load it with Keras 3 (keras.saving.load_model) and save it again as .keras"
    return _first_line(error), hint
