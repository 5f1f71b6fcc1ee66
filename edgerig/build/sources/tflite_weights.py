"""What a .tflite file's tensors are kept in: quantized, or in float16, which float32 holds exactly.

A float16 file keeps its weights behind DEQUANTIZE operators, which LiteRT runs once when it loads the file (TFLite's
float16 quantization); some also compute in float16, between CASTs. Such a network is a float one, and is built from as
the float32 file it was made from, its weights rounded.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from edgerig.build.tflite_codes import builtin, index_of

FLOAT16, FLOAT32 = schema.TensorType.FLOAT16, schema.TensorType.FLOAT32
CASTING = (schema.BuiltinOperator.DEQUANTIZE, schema.BuiltinOperator.CAST)
NAMES = {value: name.lower() for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
PACKED = frozenset({"int4", "int2"})
"""Types that are weights of a quantized network whatever else the file says of them."""
STORED = PACKED | {"int8", "uint8", "int16", "uint16"}


def quantized(path: Path) -> str:
    """The dtypes of quantized tensors in the file; "" when there are none.

    Integers without a scale are numbers: bytes of an image, a table's indices (schema.fbs, QuantizationParameters).
    """
    graph = _read(path)
    found = {NAMES[tensor.type] for each in graph.subgraphs for tensor in each.tensors if _is_quantized(tensor)}
    return f"tensors of {', '.join(sorted(found))}" if found else ""


def in_float32(path: Path) -> Path:
    """The file itself, or a copy that computes the same with float32 wherever it has float16."""
    graph = _read(path)
    if not any(tensor.type == FLOAT16 for each in graph.subgraphs for tensor in each.tensors):
        return path
    _widen_tensors(graph)
    for subgraph in graph.subgraphs:
        _drop_casts(graph, subgraph)
    copy = Path(tempfile.mkdtemp(prefix="edgerig-tflite-")) / "float32.tflite"
    flatbuffer_utils.write_model(graph, str(copy))
    return copy


def _read(path: Path) -> Any:
    """Read whole: flatbuffer_utils.read_model maps the file."""
    return flatbuffer_utils.read_model_from_bytearray(bytearray(path.read_bytes()))


def _is_quantized(tensor: Any) -> bool:
    name, told = NAMES[tensor.type], tensor.quantization
    scaled = told is not None and ((told.scale is not None and len(told.scale)) or told.details is not None)
    return name in PACKED or (name in STORED and bool(scaled))


def _widen_tensors(graph: Any) -> None:
    """Makes each float16 tensor float32, in place, and its constant with it; a buffer that tensors share, once."""
    widened: set[int] = set()
    for subgraph in graph.subgraphs:
        for tensor in subgraph.tensors:
            if tensor.type != FLOAT16:
                continue
            tensor.type, data = FLOAT32, graph.buffers[tensor.buffer].data
            if data is not None and len(data) and tensor.buffer not in widened:
                widened.add(tensor.buffer)
                half = np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.float16)
                graph.buffers[tensor.buffer].data = np.frombuffer(half.astype(np.float32).tobytes(), np.uint8)


def _drop_casts(graph: Any, subgraph: Any) -> None:
    """Takes out, in place, what turns float32 into float32: who reads it, reads what it was made of.

    One that gives an output of the subgraph stays, as a CAST: an output is a tensor of its own.
    """
    types = [tensor.type for tensor in subgraph.tensors]
    outputs = {int(index) for index in subgraph.outputs}
    instead: dict[int, int] = {}
    kept = []
    for operator in subgraph.operators:
        operator.inputs = np.asarray([instead.get(int(i), int(i)) for i in operator.inputs], np.int32)
        if builtin(graph, operator) in CASTING and types[operator.inputs[0]] == types[operator.outputs[0]] == FLOAT32:
            if int(operator.outputs[0]) not in outputs:
                instead[int(operator.outputs[0])] = int(operator.inputs[0])
                continue
            _as_cast(graph, operator)
        kept.append(operator)
    subgraph.operators = kept


def _as_cast(graph: Any, operator: Any) -> None:
    """LiteRT's DEQUANTIZE takes no float32; its CAST does, and copies it."""
    operator.opcodeIndex = index_of(graph, schema.BuiltinOperator.CAST)
    operator.builtinOptionsType = schema.BuiltinOptions.CastOptions
    operator.builtinOptions = schema.CastOptionsT()
    operator.builtinOptions.inDataType = operator.builtinOptions.outDataType = FLOAT32
