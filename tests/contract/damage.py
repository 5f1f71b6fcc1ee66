"""Quantized networks with one layer damaged: its weights' scales 1.6 times as large in every third channel, which costs
digits_cnn no accuracy. `place` counts layers with weights in the order they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from torch import fx

from edgerig.build.formats.executorch_quantizer import WEIGHTED
from edgerig.build.formats.tflite_graph import read, walk, write
from edgerig.build.formats.tflite_ranges import WEIGHTED as TFLITE_WEIGHTED

FACTOR, EVERY = 1.6, 3
MILD = 1.15
"""Leaves a layer about 21 dB: alone it is over the threshold of 20, and what is behind it is under."""


def damaged_tflite(quantized: Path, place: int, out: Path, by: float = FACTOR) -> Path:
    graph = read(quantized)
    layers = [operator for operator in walk(graph) if operator.name in TFLITE_WEIGHTED]
    layer = layers[place]
    told = graph.subgraphs[0].tensors[layer.inputs[TFLITE_WEIGHTED[layer.name][1]]].quantization
    told.scale = _damaged(np.asarray(told.scale), by)
    write(graph, out)
    return out


def damaged_onnx(quantized: Path, place: int, out: Path, by: float = FACTOR) -> Path:
    model = onnx.load(quantized)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    layer = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")][place]
    scale = stored[makers[layer.input[1]].input[1]]
    scale.CopyFrom(numpy_helper.from_array(_damaged(numpy_helper.to_array(scale), by), scale.name))
    onnx.save(model, out)
    return out


def damage_torch(graph: fx.GraphModule, place: int, by: float = FACTOR) -> None:
    """In place; by 1 / FACTOR it is undone."""
    layer = [node for node in graph.graph.nodes if node.target in WEIGHTED][place]
    scales: Any = getattr(graph, layer.args[1].args[1].target)
    scales[::EVERY] *= by


def _damaged(scales: np.ndarray, by: float) -> np.ndarray:
    found = np.array(scales)
    found[::EVERY] *= by
    return found
