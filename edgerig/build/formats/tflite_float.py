"""The float file every recipe starts from, made fit for it: outputs that are tensors of their own, names told apart.

A converter may give an output that is an input, or the same tensor twice: the quantizer then makes an integer tensor of
what was promised in float32, and a runtime's inputs and outputs share memory.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgerig.build.formats.tflite_names import tell_apart
from edgerig.build.tflite_codes import builtin, index_of

RESHAPE = schema.BuiltinOperator.RESHAPE
SHAPE = schema.BuiltinOperator.SHAPE
LOOKUP, GATHER = schema.BuiltinOperator.EMBEDDING_LOOKUP, schema.BuiltinOperator.GATHER


def prepare(graph: Any) -> set[str]:
    """Corrects `graph` in place. Returns the names of the tensors that copies were made into."""
    _modernise(graph)
    tell_apart(graph)
    copies: set[str] = set()
    main = graph.subgraphs[0]
    written = {int(i) for operator in main.operators for i in operator.outputs}
    kept: set[int] = set()
    outputs = [int(i) for i in main.outputs]
    for position, tensor in enumerate(outputs):
        if tensor in written and tensor not in kept:
            kept.add(tensor)
        else:
            outputs[position] = _copied(graph, tensor, position)
            copies.add(main.tensors[outputs[position]].name.decode())
    for signature in graph.signatureDefs:
        if signature.subgraphIndex == 0:
            _point(signature.outputs, [int(i) for i in main.outputs], outputs)
    main.outputs = np.asarray(outputs, np.int32)
    return copies


def _modernise(graph: Any) -> None:
    """Fills in what files older than schema version 3a lack and the quantizer reads: signatures, and the operators'
    codes, which then had only the field that is deprecated now (schema.fbs, OperatorCode). Without, each operator is to
    it an ADD, code 0, and a convolution's weights are activations."""
    graph.signatureDefs = graph.signatureDefs or []
    for code in graph.operatorCodes:
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)


def gather_tables(graph: Any) -> None:
    """Writes each EMBEDDING_LOOKUP as a GATHER of rows, in place: the same numbers, and the quantizer has it with an
    integer output, which it has not of the former (schema.fbs: its inputs are indices and table)."""
    for subgraph in graph.subgraphs:
        for operator in subgraph.operators:
            if builtin(graph, operator) != LOOKUP:
                continue
            operator.opcodeIndex = index_of(graph, GATHER)
            operator.inputs = np.asarray([operator.inputs[1], operator.inputs[0]], np.int32)
            operator.builtinOptionsType = schema.BuiltinOptions.GatherOptions
            operator.builtinOptions = schema.GatherOptionsT()


def fix_shapes(graph: Any) -> None:
    """Makes constants of what SHAPE operators give, in place: cells run batch size 1, and what has no float knows no
    other. A shape that is unknown elsewhere than in the batch stays to be asked."""
    main = graph.subgraphs[0]
    for tensor in main.tensors:
        signature = [] if tensor.shapeSignature is None else [int(axis) for axis in tensor.shapeSignature]
        if signature[:1] == [-1] and -1 not in signature[1:] and int(tensor.shape[0]) == 1:
            tensor.shapeSignature = None
    kept = []
    for operator in main.operators:
        read = main.tensors[operator.inputs[0]] if len(operator.inputs) else None
        if builtin(graph, operator) != SHAPE or read is None or not _known(read):
            kept.append(operator)
            continue
        given = main.tensors[operator.outputs[0]]
        axes = np.asarray(read.shape, np.int64 if given.type == schema.TensorType.INT64 else np.int32)
        given.buffer = _buffer(graph, np.frombuffer(axes.tobytes(), np.uint8))
    main.operators = kept


def _known(tensor: Any) -> bool:
    return tensor.shape is not None and (tensor.shapeSignature is None or -1 not in tensor.shapeSignature)


def _copied(graph: Any, tensor: int, position: int) -> int:
    """The index of a new tensor of the main subgraph which a RESHAPE to its own shape copies `tensor` into."""
    main = graph.subgraphs[0]
    source = main.tensors[tensor]
    shape = np.asarray([] if source.shape is None else source.shape, np.int32)
    target = copy.copy(source)
    target.name, target.buffer = source.name + f"#output_{position}".encode(), _buffer(graph, None)
    lengths = schema.TensorT()
    lengths.name, lengths.shape = target.name + b"#shape", np.asarray([len(shape)], np.int32)
    lengths.type, lengths.buffer = schema.TensorType.INT32, _buffer(graph, np.frombuffer(shape.tobytes(), np.uint8))
    main.tensors += [target, lengths]
    operator = schema.OperatorT()
    operator.opcodeIndex = index_of(graph, RESHAPE)
    operator.inputs = np.asarray([tensor, len(main.tensors) - 1], np.int32)
    operator.outputs = np.asarray([len(main.tensors) - 2], np.int32)
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT()
    operator.builtinOptions.newShape = shape
    main.operators.append(operator)
    return len(main.tensors) - 2


def _buffer(graph: Any, data: Any) -> int:
    buffer = schema.BufferT()
    buffer.data = data
    graph.buffers.append(buffer)
    return len(graph.buffers) - 1


def _point(entries: Any, before: list[int], after: list[int]) -> None:
    """Signature entries name tensors, in any order; a tensor that was there twice has an entry for each."""
    left = list(zip(before, after, strict=True))
    for entry in entries:
        pair = next((pair for pair in left if pair[0] == entry.tensorIndex), None)
        if pair is not None:
            left.remove(pair)
            entry.tensorIndex = pair[1]
