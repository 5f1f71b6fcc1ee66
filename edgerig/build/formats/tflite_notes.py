"""What a report says of a quantized TFLite file: what it holds in float32 after all, read from the file, and why."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from edgerig.build.formats import left_in_float
from edgerig.build.formats.tflite_graph import Operator, constant, constants, dtype, read, walk
from edgerig.build.formats.tflite_plan import ALONE, CASTS, Plan
from edgerig.build.formats.tflite_recipes import QUANTIZER

TABLES = frozenset({"EMBEDDING_LOOKUP", "GATHER"})
WEIGHTED = TABLES | frozenset(
    {
        "BATCH_MATMUL",
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        "BIDIRECTIONAL_SEQUENCE_RNN",
        "CONV_2D",
        "CONV_3D",
        "CONV_3D_TRANSPOSE",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "LSTM",
        "RNN",
        "SVDF",
        "TRANSPOSE_CONV",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "UNIDIRECTIONAL_SEQUENCE_RNN",
    }
)
"""Operators with weights. A mask or a table of positions that is added is none."""
REASONS = 6
"""Reasons given, at most."""


def static_notes(graph: Any, recipe: str, left: Plan, copies: set[str]) -> tuple[str, ...]:
    """Of a file whose activations are integers: the operators that compute in float32."""
    found = [
        operator
        for operator in walk(graph)
        if operator.name not in CASTS
        and any(dtype(graph, operator, i) == "float32" for i in (*operator.inputs, *operator.outputs))
        and not (operator.name in TABLES and dtype(graph, operator, operator.inputs[-1]) == "int8")
        and not {graph.subgraphs[operator.subgraph].tensors[i].name.decode() for i in operator.outputs} & copies
    ]
    return left_in_float(operator.name for operator in found) + _reasons(found, left, recipe)


def weight_notes(out: Path, recipe: str, left: Plan) -> tuple[str, ...]:
    """Of a file whose weights alone are smaller: the operators that keep float32 weights; depthwise ones in int4."""
    graph = read(out)
    found = [operator for operator in walk(graph) if _has_float_weights(graph, operator)]
    notes = left_in_float(operator.name for operator in found) + _reasons(found, left, recipe)
    eight = constants(graph).get("int8", 0)
    if recipe == "int4-weight" and eight:
        notes += (f"depthwise and transposed convolutions have int8 weights ({eight} bytes)",)
    return notes


def _has_float_weights(graph: Any, operator: Operator) -> bool:
    if operator.name not in WEIGHTED:
        return False
    # A fully connected operator's data may be constant, a convolution's bias is: weights have two axes or more.
    values = [constant(graph, operator, i) for i in operator.inputs]
    return any(value is not None and value.ndim > 1 for value in values)


def _reasons(found: list[Operator], left: Plan, recipe: str) -> tuple[str, ...]:
    """One note a reason, with its operators; one the plan does not know is the quantizer's own doing."""
    known: dict[str, Counter[str]] = {}
    planned = Counter(operator.name for operator in left)
    for operator, reason in left.items():
        if reason != ALONE and any(each.name == operator.name for each in found):
            known.setdefault(reason, Counter())[operator.name] += 1
    lacking = sorted({operator.name for operator in found} - set(planned))
    notes = [f"{', '.join(names)}: {reason}" for reason, names in known.items()]
    if lacking:
        notes.append(f"{', '.join(lacking)}: {QUANTIZER} has no {recipe} form of it")
    return tuple(notes[:REASONS])
