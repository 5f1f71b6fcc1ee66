"""Float .onnx and .tflite files as sources: their own runtime computes the outputs that builds are held against."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import onnx

from edgerig.build.onnx_weights import ONE_FILE, external_files
from edgerig.build.ready import inspect
from edgerig.build.source import Arrays, SourceModel, fed, named_tensors
from edgerig.build.sources import tflite_weights
from edgerig.build.sources.file_shapes import fix_onnx, fix_tflite
from edgerig.errors import BuildError, UnsupportedRecipe
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import Layout, ModelSpec, load_engines, load_formats

QUANTIZING = re.compile(r"Quantize|Quant$|Integer|^QLinear|^QGemm$|^QAttention$|NBits$|Bnb4$")
"""The names of operators on quantized values (ONNX operator specification; ONNX Runtime's ContribOperators.md)."""


def load(spec: ModelSpec) -> SourceModel:
    """The file, loaded by its runtime. `module` is its path (of a copy with static shapes: an ONNX file's, or one that
    shapes are given for).

    Raises BuildError when it does not load or has a dynamic axis nobody gave a size.
    """
    if spec.path is None:
        raise BuildError(f'model "{spec.name}": a {spec.source} model is a file', hint='give the key "file"')
    format_spec = load_formats()[spec.source]
    path = _static(spec, spec.path) if spec.source == "onnx" else spec.path
    described, shapes = inspect(path, format_spec, spec.path, spec)
    if shapes and spec.source == "tflite":
        path = fix_tflite(path, shapes)
        described, _ = inspect(path, format_spec, spec.path)
    layout: Layout = "NHWC" if spec.source == "tflite" else "NCHW"
    inputs = spec.inputs or named_tensors(map(fed, described.inputs), layout)
    outputs = spec.outputs or named_tensors(map(fed, described.outputs), "any")
    whole = spec.model_copy(update={"inputs": inputs, "outputs": outputs})

    def infer(arrays: Arrays) -> Arrays:
        engine = engines.create(load_engines()[format_spec.engine].module, {})
        engine.load(str(path), 1)  # anew each time: a file may keep state
        return evaluate(engine, arrays)

    return SourceModel(whole, path, infer)


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
    """A copy of the ONNX file with its weights inside and its inputs' axes fixed: the batch at 1, the others as the
    model's `inputs` say. Raises BuildError."""
    _require_external_data(spec, path)
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # onnx and protobuf raise their own kinds on a broken file
        raise BuildError(
            f"{path}: not a sound ONNX file: {str(error).splitlines()[0]}",
            hint="compare its size and checksum with the original",
        ) from error
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [tensor for tensor in model.graph.input if tensor.name not in stored]
    fix_onnx(spec, path, model.graph, inputs)
    fixed = Path(tempfile.mkdtemp(prefix="edgerig-onnx-")) / "static.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(model), fixed)
    return fixed


def _require_external_data(spec: ModelSpec, path: Path) -> None:
    """Raises BuildError for a file of weights that is missing, or that no build would notice a change of."""
    named = external_files(path)
    missing = [name for name in named if not (path.parent / name).is_file()]
    if missing:
        raise BuildError(
            f"{path}: its weights are in other files, which are missing: {', '.join(missing)}",
            hint=f"put them into {path.parent}, or {ONE_FILE}",
        )
    known = {str(each) for each in spec.reads}
    unknown = [name for name in named if name not in known and not name.startswith(path.name)]
    if unknown:
        raise BuildError(
            f"{path}: its weights are in {', '.join(unknown)}, whose changes would go unnoticed",
            hint=f'name them under "reads" in a model.toml, or {ONE_FILE}',
        )
