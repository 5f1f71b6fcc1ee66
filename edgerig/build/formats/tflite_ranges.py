"""The ranges a static recipe needs: what each tensor held over the calibration data, and what integers need beside it.

Ranges are minimum and maximum unless the recipe names another method. The quantizer's own default is a moving average,
which clips: relative logit error 0.13 where minimum and maximum give 0.016.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgerig.build.calibration import Extremes, Histogram, Method
from edgerig.build.formats.tflite_graph import Operator, constant, walk
from edgerig.build.source import Arrays
from edgerig.ondevice.engines import TensorInfo
from edgerig.ondevice.tensors import exactly, quantize

Qsvs = dict[str, dict[str, npt.NDArray[np.float32]]]
"""Tensor name → "min" and "max", as ai-edge-quantizer takes them."""
WEIGHTED = {
    "FULLY_CONNECTED": (0, 1, 2),
    "CONV_2D": (0, 1, 2),
    "DEPTHWISE_CONV_2D": (0, 1, 2),
    "TRANSPOSE_CONV": (2, 1, 3),
}
"""Operator → which of its inputs are data, weights and bias (schema.fbs)."""
CHANNEL_AXIS = {"DEPTHWISE_CONV_2D": 3}
"""Of its weights; 0 for the others (LiteRT 8-bit quantization specification)."""
BIAS_STEPS = 2.0**29
"""A bias is an int32 of the step data × weights, and products are added to it: a quarter of them is its share."""
OUTPUT_STEPS = 2.0**28
"""Requantization shifts by up to 32 bits; XNNPACK takes ratios from 2^-32 to 2^8 (qs8-qc8w-gemm)."""


@dataclass(frozen=True)
class Range:
    """What a tensor held over all samples; `finite` is false where it held NaN or infinities, left out here.

    `average` is the moving average of the samples' least and largest values.
    """

    least: float
    largest: float
    finite: bool = True
    average: tuple[float, float] = (0.0, 0.0)

    @property
    def width(self) -> float:
        """With zero, which every integer range holds."""
        return max(self.largest, 0.0) - min(self.least, 0.0)

    def step(self, bits: int) -> float:
        """Of `bits`-bit integers: asymmetric with 8 bits, symmetric with 16."""
        if bits == 8:
            return self.width / 255
        return max(abs(self.least), abs(self.largest)) / float(2 ** (bits - 1) - 1)


@dataclass(frozen=True)
class Stream:
    """Calibration samples in their order, batches of one in the file's layout; before those of the numbers `anew` what
    the file remembers itself begins anew, as it does in the evaluation."""

    samples: Sequence[Arrays]
    anew: frozenset[int] = frozenset()


def observe(path: Path, stream: Stream) -> dict[int, Range]:
    """What each float32 tensor of the main subgraph held, by index, constants too."""
    seen: dict[int, tuple[Extremes, bool]] = {}
    for index, value in values(path, stream):
        extremes, finite = seen.setdefault(index, (Extremes(), True))
        extremes.see(value)
        seen[index] = (extremes, finite and bool(np.isfinite(value).all()))
    return {index: Range(e.least, e.largest, finite, e.average) for index, (e, finite) in seen.items()}


def chosen(path: Path, stream: Stream, seen: dict[int, Range], method: Method) -> dict[int, Range]:
    """The ranges by `method` of what was `seen` over the same stream. Weights keep theirs."""
    if method.name == "moving-average":
        return {
            index: replace(found, least=found.average[0], largest=found.average[1]) for index, found in seen.items()
        }
    if not method.searches:
        return seen
    histograms = {index: Histogram(found.least, found.largest) for index, found in seen.items()}
    for index, value in values(path, stream):
        histograms[index].see(value)
    ends = {index: histogram.range(method) for index, histogram in histograms.items()}
    return {index: replace(seen[index], least=low, largest=high) for index, (low, high) in ends.items()}


def values(path: Path, stream: Stream) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Each float32 tensor of the main subgraph with its index, sample by sample."""
    for number, sample in enumerate(stream.samples):
        if number == 0 or number in stream.anew:  # no call resets all that a file can keep
            interpreter = preserving(path)
            indices = [d["index"] for d in interpreter.get_tensor_details() if d["dtype"] is np.float32]
        feed(interpreter, sample)
        interpreter.invoke()
        for index in indices:
            try:
                yield index, interpreter.get_tensor(index)
            except ValueError:  # scratch memory of a kernel, or a tensor no operator has written
                continue


def preserving(path: Path) -> Any:
    """An interpreter that keeps every tensor, with LiteRT's own kernels: a delegate shows none of its own."""
    interpreter = Interpreter(
        str(path),
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    return interpreter


def feed(interpreter: Any, sample: Arrays) -> None:
    """Sets the inputs, one array each; what is int64 in the source may be int32 in the file, or quantized."""
    for details, array in zip(interpreter.get_input_details(), sample, strict=True):
        scale, zero_point = details["quantization"]
        tensor = TensorInfo(details["name"], array.shape, np.dtype(details["dtype"]).name, scale, zero_point)
        cast = quantize(array, tensor) if scale else exactly(array, np.dtype(details["dtype"]))
        interpreter.set_tensor(details["index"], array if cast is None else cast)


def calibrated(graph: Any, seen: dict[int, Range], bits: int, *, per_tensor: bool = False) -> Qsvs:
    """The ranges as the quantizer takes them, with the weights' and dead tensors' made fit for integers; weights with a
    scale per channel, or one `per_tensor`."""
    names = [tensor.name.decode() for tensor in graph.subgraphs[0].tensors]
    ranges = {index: Range(0.0, 1.0) if found.width == 0.0 else found for index, found in seen.items()}
    qsvs: Qsvs = {}
    for operator in walk(graph):
        if operator.subgraph:
            continue
        for index in (*operator.inputs, *operator.outputs):
            if index in ranges and constant(graph, operator, index) is None:
                qsvs[names[index]] = _qsv(ranges[index].least, ranges[index].largest)
    for operator in walk(graph):
        if operator.subgraph == 0 and operator.name in WEIGHTED:
            qsvs |= _fitted(graph, operator, ranges, bits, names, per_tensor)
    return qsvs


def _qsv(least: Any, largest: Any) -> dict[str, npt.NDArray[np.float32]]:
    return {"min": np.atleast_1d(np.float32(least)), "max": np.atleast_1d(np.float32(largest))}


def _fitted(
    graph: Any, operator: Operator, ranges: dict[int, Range], bits: int, names: list[str], per_tensor: bool
) -> Qsvs:
    """Weights' ranges by channel (or of the tensor), wide enough for bias and output; empty where they are.

    A filter of zeros (pruned, or of a batch norm with gamma 0) would get the quantizer's smallest step, 1e-9 / 127, in
    which its bias overflows 32 bits and is clipped: the channel's constant is lost, and with it the network. A wider
    step costs nothing, as the weights it blurs are below what the output can show.
    """
    raw = [int(i) for i in graph.subgraphs[0].operators[operator.index].inputs]
    roles = WEIGHTED[operator.name]
    data, weights, bias = (raw[role] if role < len(raw) else -1 for role in roles)
    values = constant(graph, operator, weights)
    if values is None or data not in ranges:
        return {}
    axis = CHANNEL_AXIS.get(operator.name, 0)
    others = tuple(i for i in range(values.ndim) if i != axis)
    bound = np.abs(values).max(axis=others, keepdims=True).astype(np.float64)
    step = ranges[data].step(bits)
    needed = np.full_like(bound, _output_step(operator, ranges, bits) / OUTPUT_STEPS)
    offset = None if bias < 0 else constant(graph, operator, bias)
    if offset is not None:
        needed = np.maximum(needed, np.abs(offset, dtype=np.float64).reshape(needed.shape) / BIAS_STEPS)
    wanted = 127 * needed / step
    if not (wanted > bound).any():
        return {}
    wide = np.maximum(wanted, bound).astype(np.float32)
    if per_tensor:
        wide = wide.max(keepdims=True)
    return {names[weights]: {"min": -wide, "max": wide}}


def _output_step(operator: Operator, ranges: dict[int, Range], bits: int) -> float:
    output = ranges.get(operator.outputs[0])
    return 0.0 if output is None else output.step(bits)
