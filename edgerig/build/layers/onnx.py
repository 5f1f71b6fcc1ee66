"""Two ONNX graphs side by side: every value an output, matched by name.

ONNX Runtime's quantizer keeps the float graph's names: `x` goes through `x_QuantizeLinear_Output` to
`x_DequantizeLinear_Output`, which is what others read. Where it leaves a ReLU to the clipping of the integers, `x` is
what comes before that, so the latter counts. Weights are found behind the operator of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, shape_inference

from edgerig.build.formats import onnx_equalize, onnx_float
from edgerig.build.formats.layer_names import layer_names
from edgerig.build.formats.onnx_graph import held, input_tensors
from edgerig.build.formats.onnx_rounded import READ_AS, array_of, weights
from edgerig.build.layers.twins import Job, Pair, Twins, range_of
from edgerig.build.onnx_weights import save
from edgerig.build.source import Arrays
from edgerig.measure.layers import Operator, Range

METHOD = "ONNX Runtime on this host, every value an output, graphs as they are written (no fusion: Q/DQ pairs in float)"
FEW_AXES = 3
"""With more, ONNX has channels second: N, C, then what a kernel slides over."""
HALF = "fp16"


def twins(job: Job) -> Twins:
    """As `side_by_side`, of the graph the recipe starts from: for all but fp16 that is the float32 variant, fused."""
    start = job.work / "start.onnx"
    if job.recipe.kind == HALF:
        save(onnx_float.modernise(onnx.load(job.floating)), start)
    else:
        onnx_float.prepare(job.floating, start)
    if job.recipe.options.equalize:
        equalized = job.work / "equalized.onnx"
        onnx_equalize.equalize(
            start, job.recipe, [np.stack(column) for column in zip(*job.samples, strict=True)], equalized
        )
        start = equalized
    return side_by_side(start, job.quantized, job.work)


def side_by_side(floating: Path, quantized: Path, work: Path) -> Twins:
    """Raises BuildError for a file that is none, and what the runtime raises for one it cannot run."""
    twin, made = onnx.load(floating), onnx.load(quantized)
    names, constants = layer_names(node.op_type for node in twin.graph.node), held(twin)
    tensors = dict(_pairs(twin, made))
    ours = _session(twin, list(tensors), work / "ours.onnx")
    theirs = _session(made, list(tensors.values()), work / "theirs.onnx")
    return Twins(
        method=METHOD,
        operators=tuple(
            Operator(name, node.op_type, tuple(n for n in node.input if n and n not in constants), tuple(node.output))
            for name, node in zip(names, twin.graph.node, strict=True)
        ),
        inputs=tuple(tensor.name for tensor in input_tensors(twin)),
        weights=dict(weights(dict(zip(names, twin.graph.node, strict=True)), constants, made)),
        ranges=dict(_ranges(tensors, made)),
        axis=lambda values: 1 if values.ndim > FEW_AXES else values.ndim - 1,
        run=partial(_run, ours, theirs, tensors),
    )


def _pairs(twin: onnx.ModelProto, made: onnx.ModelProto) -> Iterator[tuple[str, str]]:
    """The twin's float values that the quantized graph has too, and what they are called there."""
    there = {tensor.name for tensor in input_tensors(made)} | {name for node in made.graph.node for name in node.output}
    floats = _floats(twin)
    for name in (
        *(tensor.name for tensor in input_tensors(twin)),
        *(n for node in twin.graph.node for n in node.output),
    ):
        if name in floats:
            found = next((each for each in (name + READ_AS, name) if each in there), None)
            if found is not None:
                yield name, found


def _floats(model: onnx.ModelProto) -> set[str]:
    """The names of the float32 values of the graph, as far as types can be inferred."""
    graph = shape_inference.infer_shapes(model).graph
    typed = (*graph.input, *graph.value_info, *graph.output)
    return {value.name for value in typed if value.type.tensor_type.elem_type == TensorProto.FLOAT}


def _session(model: onnx.ModelProto, wanted: list[str], path: Path) -> ort.InferenceSession:
    """The graph with the values `wanted` as its outputs, run as it is written."""
    fed = {tensor.name for tensor in input_tensors(model)}
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted if name not in fed)
    save(model, path)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _run(
    ours: ort.InferenceSession, theirs: ort.InferenceSession, tensors: Mapping[str, str], sample: Arrays
) -> Iterator[Pair]:
    one, other = _values(ours, sample), _values(theirs, sample)
    for name, there in tensors.items():
        yield name, one[name], other[there].astype(np.float32)


def _values(session: ort.InferenceSession, sample: Arrays) -> dict[str, npt.NDArray[Any]]:
    dtypes = {
        f"tensor({helper.tensor_dtype_to_np_dtype(t).name})": helper.tensor_dtype_to_np_dtype(t) for t in _NUMBERS
    }
    dtypes |= {"tensor(float)": np.dtype(np.float32), "tensor(double)": np.dtype(np.float64)}
    fed = {
        given.name: np.ascontiguousarray(array, dtypes.get(given.type, array.dtype))
        for given, array in zip(session.get_inputs(), sample, strict=True)
    }
    names = [output.name for output in session.get_outputs()]
    return fed | dict(zip(names, session.run(names, fed), strict=True))


_NUMBERS = (TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL)


def _ranges(tensors: Mapping[str, str], made: onnx.ModelProto) -> Iterator[tuple[str, Range]]:
    """Of the values that a DequantizeLinear of one scale gives."""
    constants, makers = held(made), {name: node for node in made.graph.node for name in node.output}
    for name, there in tensors.items():
        maker = makers.get(there)
        if maker is None or maker.op_type != "DequantizeLinear":
            continue
        scale, zero = array_of(constants, maker, 1), array_of(constants, maker, 2)
        if scale is not None and zero is not None and scale.size == 1 and zero.dtype.itemsize <= 2:
            yield name, range_of(float(scale.item()), int(zero.item()), zero.dtype)
