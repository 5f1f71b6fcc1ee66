"""Float .onnx and .tflite files as sources: their own runtime computes the outputs that builds are held against."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnx

from edgerig.build.inference import infer_by_sample
from edgerig.build.memory import Memory
from edgerig.build.onnx_weights import LARGEST, require_beside, save
from edgerig.build.opening import Opening, opened
from edgerig.build.ready import inspect
from edgerig.build.source import Arrays, SourceModel, fed, named_tensors
from edgerig.build.sources import tflite_weights
from edgerig.build.sources.file_shapes import fix_onnx, fix_tflite
from edgerig.build.sources.tflite_signature import alone
from edgerig.build.streams import fed_of_file
from edgerig.errors import BuildError, UnsupportedRecipe
from edgerig.ondevice.engines import Description, TensorInfo
from edgerig.ondevice.evaluate import evaluate
from edgerig.ondevice.stream import Fed, kept_by_itself
from edgerig.ondevice.tensors import dequantize, quantize
from edgerig.spec import FormatSpec, Layout, ModelSpec, Shape, TensorSpec, load_formats, written_shape

Tensors = tuple[TensorSpec, ...]
OPEN = "the axes of its inputs stay open, since ONNX Runtime refuses the file with them fixed"
"""Most such files have an If with a branch that inputs of the given shapes never take, and that does not fit them."""
QUANTIZING = re.compile(r"Quantize|Quant$|Integer|^QLinear|^QGemm$|^QAttention$|NBits$|Bnb4$")
"""The names of operators on quantized values (ONNX operator specification; ONNX Runtime's ContribOperators.md)."""


def load(spec: ModelSpec) -> SourceModel:
    """The file, loaded by its runtime. `module` is its path (of a copy with static shapes: an ONNX file's, or one that
    shapes are given for; the file's own, where it is sound only with open axes).

    Raises BuildError when it does not load or has a dynamic axis nobody gave a size.
    """
    if spec.path is None:
        raise BuildError(f'model "{spec.name}": a {spec.source} model is a file', hint='give the key "file"')
    format_spec = load_formats()[spec.source]
    path = _static(spec, spec.path) if spec.source == "onnx" else spec.path
    path = alone(path, spec.signature) if spec.signature else path
    try:
        described, shapes = inspect(path, format_spec, spec.path, spec.model_copy(update={"signature": ""}))
    except BuildError as error:
        path, (described, shapes) = spec.path, _open(spec, format_spec, error)
    if shapes and spec.source == "tflite":
        path, shapes = fix_tflite(path, shapes), ()
        described, _ = inspect(path, format_spec, spec.path)
    layout: Layout = "NHWC" if spec.source == "tflite" else "NCHW"
    inputs = _in_order(spec.inputs, described.inputs) or named_tensors(map(fed, described.inputs), layout)
    outputs = _in_order(spec.outputs, described.outputs) or named_tensors(map(fed, described.outputs), "any")
    whole = spec.model_copy(update={"inputs": inputs, "outputs": outputs})

    back = fed_of_file(spec, described)
    if back or kept_by_itself(described):
        return _remembering(whole, _File(path, format_spec, shapes), back)

    def infer(arrays: Arrays) -> Arrays:
        try:
            return evaluate(opened(str(path), format_spec, Opening(shapes=shapes)), arrays)
        except Exception as error:  # with fixed axes, what does not fit would not have been loaded
            if not shapes:
                raise
            raise BuildError(
                f"{spec.path}: it does not run with inputs of {' and '.join(map(written_shape, shapes))}: {error}",
                hint="give it shapes that its operators allow",
            ) from error

    return SourceModel(whole, path, infer, notes=_notes(shapes), shapes=shapes)


def _notes(shapes: Sequence[Shape]) -> tuple[str, ...]:
    return (OPEN,) if shapes else ()


def _open(spec: ModelSpec, format_spec: FormatSpec, refused: BuildError) -> tuple[Description, tuple[Shape, ...]]:
    """An ONNX file as it is, and the shapes to open it with, where its copy with fixed axes is `refused`.

    With fixed axes ONNX Runtime infers shapes in every branch of an If, also in those that inputs of these shapes never
    take: of a network for two sampling rates one branch contradicts itself at either rate. Raises `refused` when the
    file is no better.
    """
    if spec.source != "onnx" or spec.path is None:
        raise refused
    try:
        return inspect(spec.path, format_spec, spec=spec)
    except BuildError:
        raise refused from None


def _in_order(given: Tensors, found: Sequence[TensorInfo]) -> Tensors:
    """The tensors a model.toml names, in the file's order, where the names are the file's; else as they are."""
    named = {tensor.name: tensor for tensor in given}
    names = [tensor.name for tensor in found]
    return tuple(named[name] for name in names) if set(names) == set(named) else given


def _remembering(spec: ModelSpec, network: _File, fed: Sequence[Fed]) -> SourceModel:
    """A file that keeps state, or whose state is fed back: it is loaded anew where a stream begins."""
    memory = Memory(spec, fed, network, network.load)
    hint = "is each state an output of its input's shape?"

    def infer(arrays: Arrays) -> Arrays:
        return infer_by_sample(memory.outside, memory, arrays, hint=hint)

    return SourceModel(spec, network.path, infer, notes=_notes(network.shapes), memory=memory, shapes=network.shapes)


class _File:
    """A file as a network of arrays; `load` takes what it keeps back to its beginning."""

    def __init__(self, path: Path, format_spec: FormatSpec, shapes: tuple[Shape, ...]) -> None:
        self.path, self.shapes, self._format = path, shapes, format_spec

    def load(self) -> None:
        self._engine = opened(str(self.path), self._format, Opening(shapes=self.shapes))

    def __call__(self, batch: Arrays) -> Arrays:
        described = self._engine.describe()
        self._engine.set_inputs(
            [quantize(array, tensor) for array, tensor in zip(batch, described.inputs, strict=True)]
        )
        self._engine.invoke()
        return [dequantize(value, t) for value, t in zip(self._engine.outputs(), described.outputs, strict=True)]


def float_file(model: SourceModel) -> Path:
    """The path of a source of this kind, if it can be built from; of a float16 .tflite, of its float32 form.

    Raises UnsupportedRecipe when its weights or activations are quantized: quantizing twice compounds the errors.
    """
    path: Path = model.module
    why = _onnx_quantized(path) if model.spec.source == "onnx" else tflite_weights.quantized(path)
    if why:
        raise UnsupportedRecipe(
            f"{model.spec.path}: it is quantized already (it holds {why})",
            hint="bring the float32 file, or run this one as it is (--recipe as-is)",
        )
    return path if model.spec.source == "onnx" else tflite_weights.in_float32(path)


def _onnx_quantized(path: Path) -> str:
    """The quantizing operators or half-precision weights in the file; "" when there are none.

    Integers alone say nothing: in ONNX a scale belongs to the operator, and a float network may hold tables of bytes.
    """
    graph = onnx.load(path).graph
    kinds = sorted({node.op_type for node in graph.node if QUANTIZING.search(node.op_type)})
    if kinds:
        return f"operators {', '.join(kinds)}"
    halves = any(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in graph.initializer)
    return "weights of float16" if halves else ""


def _static(spec: ModelSpec, path: Path) -> Path:
    """A copy of the ONNX file, its weights inside where they fit, with its inputs' axes fixed: the batch at 1, the
    others as the model's `inputs` say. Raises BuildError."""
    require_beside(path)
    try:
        onnx.checker.check_model(str(path))  # by its path: a model of more than 2 GiB is no one message
        model = onnx.load(path)
    except Exception as error:  # onnx and protobuf raise their own kinds on a broken file
        raise BuildError(
            f"{path}: not a sound ONNX file: {str(error).splitlines()[0]}",
            hint="compare its size and checksum with the original",
        ) from error
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [tensor for tensor in model.graph.input if tensor.name not in stored]
    fix_onnx(spec, path, model.graph, inputs)
    fixed = Path(tempfile.mkdtemp(prefix="edgerig-onnx-")) / "static.onnx"
    save(model if model.ByteSize() > LARGEST else onnx.shape_inference.infer_shapes(model), fixed)
    return fixed
