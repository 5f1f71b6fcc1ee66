"""The tensors of a TFLite file's first subgraph (TensorFlow's schema.fbs: `Model.subgraphs`, `SubGraph.tensors`)."""

from __future__ import annotations

from edgerig.check.flatbuffer import Table
from edgerig.check.verdicts import Broken

SUBGRAPHS = 2


def tensors(model: Table, field: int) -> list[Table]:
    """The tensors that the first subgraph's `field` (inputs 1, outputs 2) names. Raises Broken."""
    subgraph = next(model.tables(SUBGRAPHS), None)
    if subgraph is None:
        raise Broken("has no subgraph")
    listed = list(subgraph.tables(0))
    chosen = [int(index) for index in subgraph.numbers(field, "i")]
    if any(not 0 <= index < len(listed) for index in chosen):
        raise Broken("names a tensor that is not there as its input or output")
    return [listed[index] for index in chosen]
