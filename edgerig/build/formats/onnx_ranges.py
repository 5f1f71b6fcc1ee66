"""What each value of an ONNX graph was over the calibration data, and the range its integers get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import TensorsData, create_calibrator, save_tensors_data

from edgerig.build.calibration import Extremes, Histogram, Method
from edgerig.build.formats.onnx_graph import input_tensors
from edgerig.build.onnx_weights import external_files, save
from edgerig.build.source import Arrays

Bounds = dict[str, tuple[float, float]]
"""Value's name → least and largest."""


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime is untyped
    """Feeds one calibration sample a call."""

    def __init__(self, inputs: Iterable[onnx.ValueInfoProto], calibration: Arrays) -> None:
        self._samples = fed_samples(inputs, calibration)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._samples, None)


def fed_samples(inputs: Iterable[onnx.ValueInfoProto], arrays: Arrays) -> Iterator[dict[str, Any]]:
    """Each sample of `arrays` (N, …), by input name, in the graph's own dtypes."""
    tensors = {tensor.name: tensor.type.tensor_type for tensor in inputs}
    for index in range(len(arrays[0])):
        yield {
            name: np.asarray(array[index], helper.tensor_dtype_to_np_dtype(tensor.elem_type), order="C").reshape(
                [axis.dim_value for axis in tensor.shape.dim]
            )
            for (name, tensor), array in zip(tensors.items(), arrays, strict=True)
        }


def observe(prepared: Path, calibration: Arrays, operators: Iterable[str], method: Method, cache: Path) -> Bounds:
    """The least and largest value of each float tensor that the operators have, over the calibration data; the ranges
    made of it by `method` are written to `cache`, where `quantize_static` reads them."""
    model = onnx.load(prepared)
    calibrator = create_calibrator(
        prepared,
        list(operators),
        augmented_model_path=str(prepared.with_suffix(".augmented.onnx")),
        calibrate_method=CalibrationMethod.MinMax,
        use_external_data_format=bool(external_files(prepared)),
    )
    calibrator.collect_data(_Reader(input_tensors(model), calibration))
    found = calibrator.compute_data()
    ranges = {name: data.range_value for name, data in found.items()}
    bounds = {name: (float(np.min(low)), float(np.max(high))) for name, (low, high) in ranges.items()}
    if method.name != "min-max":
        chosen = _chosen(model, prepared.with_suffix(".observed.onnx"), calibration, bounds, method)
        told = {name: (np.array(low, np.float32), np.array(high, np.float32)) for name, (low, high) in chosen.items()}
        found = TensorsData(CalibrationMethod.MinMax, told)
    save_tensors_data(found, cache)
    return bounds


def _chosen(model: onnx.ModelProto, path: Path, calibration: Arrays, bounds: Bounds, method: Method) -> Bounds:
    """The range of each value by `method`; one that holds infinities keeps its bounds, by which it is left in float."""
    finite = {name: bound for name, bound in bounds.items() if np.isfinite(bound).all()}
    if method.searches:
        histograms = {name: Histogram(*bound) for name, bound in finite.items()}
        for name, value in values(model, path, calibration, list(finite)):
            histograms[name].see(value)
        return bounds | {name: histogram.range(method) for name, histogram in histograms.items()}
    extremes = {name: Extremes() for name in finite}
    for name, value in values(model, path, calibration, list(finite)):
        extremes[name].see(value)
    return bounds | {name: seen.average for name, seen in extremes.items()}


def values(
    model: onnx.ModelProto, path: Path, calibration: Arrays, names: list[str]
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Each of the named values, sample by sample; `path` is where the graph that gives them may be written."""
    given = {output.name for output in model.graph.output}
    fed = {tensor.name for tensor in input_tensors(model)}
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    wanted = [name for name in names if name not in given | fed]
    shown.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in wanted)
    save(shown, path)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = [name for name in names if name not in fed]
    reader = _Reader(input_tensors(model), calibration)
    while (sample := reader.get_next()) is not None:
        yield from ((name, np.asarray(sample[name])) for name in names if name in fed)
        yield from zip(outputs, session.run(outputs, sample), strict=True)
