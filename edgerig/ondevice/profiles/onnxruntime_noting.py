"""What ONNX Runtime's profiling adds to the time it tells of an operator: it writes the shapes and sizes of the
operator's inputs and outputs as text between its two readings of the clock (onnxruntime/core/framework/
sequential_executor.cc, `KernelScope`).

Measured on the device, by chains of operators that do next to nothing: what a session tells of one, less its part of an
inference of the same file in a session that does not profile itself. More inputs are more text: one chain's operators
have one input, the other's as many as ONNX Runtime's quantized convolution.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort

from edgerig.ondevice.profiles.clock import Clock
from edgerig.ondevice.profiles.onnxruntime_events import KERNEL
from edgerig.protobuf import written

LENGTH, FEW, MANY = 32, 1, 9
WARM_UP, RUNS = 20, 100
OPERATOR, SHAPE = b"Max", (1, 1, 1, 1)
FLOAT, IR_VERSION, OPSET = 1, 8, 13
"""onnx.proto3: TensorProto's FLOAT, a version of the file format and one of the operators that has `Max` of floats."""


class Noting(NamedTuple):
    """Nanoseconds of an operator's told time: `least` whatever it has, and `each` for an input."""

    least: float = 0.0
    each: float = 0.0

    def of(self, inputs: int) -> int:
        return round(max(self.least + self.each * inputs, 0.0))


def measured(clock: Clock, folder: str) -> Noting:
    """`clock`: one whose library has ONNX Runtime tell nanoseconds. A profile of ONNX Runtime's is written to `folder`
    and removed."""
    few, many = (_of_one(clock, folder, inputs) for inputs in (FEW, MANY))
    each = max((many - few) / (MANY - FEW), 0.0)
    return Noting(few - FEW * each, each)


def _of_one(clock: Clock, folder: str, inputs: int) -> float:
    model = chain(LENGTH, inputs)
    alone, looked = (_session(model, prefix) for prefix in ("", os.path.join(folder, "noting")))
    feed = {"x": np.ones(SHAPE, np.float32)}
    wholes: list[int] = []
    for run in range(WARM_UP + RUNS):
        looked.run(None, feed)
        whole = clock.span(lambda: alone.run(None, feed))
        if run >= WARM_UP:
            wholes.append(whole)
    file = looked.end_profiling()
    try:
        with open(file, encoding="utf-8", errors="replace") as profile:
            told = _kernels(json.load(profile))
    finally:
        os.remove(file)
    return float(median(told[WARM_UP * LENGTH :])) - float(median(wholes)) / LENGTH


def _kernels(entries: Sequence[dict[str, Any]]) -> list[int]:
    return [int(entry["dur"]) for entry in entries if str(entry.get("name", "")).endswith(KERNEL)]


def _session(model: bytes, prefix: str) -> Any:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if prefix:
        options.enable_profiling, options.profile_file_prefix = True, prefix
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def chain(length: int, inputs: int) -> bytes:
    """An ONNX file (onnx.proto3) of `length` operators, each with the one before it as all of its `inputs`."""
    names = [b"x", *(b"y%d" % place for place in range(length))]
    nodes = b"".join(
        written(1, written(1, before) * inputs + written(2, name) + written(3, name) + written(4, OPERATOR))
        for before, name in itertools.pairwise(names)
    )
    shape = b"".join(written(1, written(1, axis)) for axis in SHAPE)
    typed = written(2, written(1, written(1, FLOAT) + written(2, shape)))
    ends = [written(number, written(1, name) + typed) for number, name in ((11, names[0]), (12, names[-1]))]
    graph = nodes + written(2, b"noting") + b"".join(ends)
    return written(1, IR_VERSION) + written(8, written(2, OPSET)) + written(7, graph)
