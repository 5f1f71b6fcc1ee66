"""Which of a graph's layers an operator inside a delegate computes, told from the order of both. Pure.

XNNPACK keeps the order of the graph's nodes, makes one operator of several (a convolution with the clamp behind it) and
several of one, and tells no names. So its operators and the nodes of a partition are aligned as two sequences, by what
they do: the alignment with the most in common (Needleman and Wunsch, 1970, with no penalty for gaps). It is believed
only where every convolution and matrix product has its counterpart: else no layer is told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from edgerig.measure.operator_kinds import kind_of
from edgerig.results.profile import OperatorKind

COMPUTING: tuple[OperatorKind, ...] = (
    "convolution",
    "depthwise convolution",
    "transposed convolution",
    "matrix product",
)
MOST_PAIRS = 10**6
"""Of nodes and operators: a second of work."""


class Node(NamedTuple):
    """Of the graph: its operator's name there, the name of what it computes, its multiply-accumulates and the bytes of
    its tensors."""

    name: str
    layer: str
    macs: int | None = None
    moved: int | None = None


UNKNOWN = Node("", "")
GRAPH = "graph.json"
"""Of a built file, beside it and beside its profile: what the delegate is given in each partition, as `written`."""


def written(graph: Sequence[Sequence[Node]]) -> str:
    return json.dumps([[[node.name[:200], node.layer[:500], *node[2:]] for node in nodes] for nodes in graph])


class Matched(NamedTuple):
    """For each of the delegate's operators, in order, the graph's that it computes, UNKNOWN where that is not told;
    `reason` says why it is not told of any."""

    nodes: list[Node]
    reason: str = ""


def matched(nodes: Sequence[Node], operators: Sequence[str]) -> Matched:
    none = [UNKNOWN] * len(operators)
    if len(nodes) * len(operators) > MOST_PAIRS:
        return Matched(none, f"{len(operators)} operators of XNNPACK and {len(nodes)} of the graph are too many")
    theirs, ours = [kind_of(node.name) for node in nodes], [kind_of(name) for name in operators]
    pairs = _aligned(theirs, ours)
    computed = {
        "nodes": sum(kind in COMPUTING for kind in theirs),
        "operators": sum(kind in COMPUTING for kind in ours),
        "pairs": sum(theirs[node] in COMPUTING for node, _ in pairs),
    }
    if len(set(computed.values())) > 1:
        counts = "XNNPACK tells of {operators} convolutions and matrix products, its graph has {nodes}, {pairs} agree"
        return Matched(none, counts.format(**computed))
    for node, operator in pairs:
        none[operator] = nodes[node]
    return Matched(none)


def _alike(node: OperatorKind, operator: OperatorKind) -> bool:
    """XNNPACK computes a 1×1 convolution as a matrix product, and a depthwise one of a single channel as one that is
    not."""
    return node == operator or (node, operator) in (
        ("convolution", "matrix product"),
        ("depthwise convolution", "convolution"),
    )


def _aligned(nodes: Sequence[OperatorKind], operators: Sequence[OperatorKind]) -> list[tuple[int, int]]:
    """Pairs of places, ascending in both. One that computes counts for more than all that do not."""
    weight = len(nodes) + len(operators) + 1
    best = np.zeros((len(nodes) + 1, len(operators) + 1), np.int64)
    gains = [[_gain(node, operator, weight) for operator in operators] for node in nodes]
    for i, row in enumerate(gains, 1):
        for j, gain in enumerate(row, 1):
            best[i, j] = max(best[i - 1, j], best[i, j - 1], best[i - 1, j - 1] + gain)
    pairs: list[tuple[int, int]] = []
    i, j = len(nodes), len(operators)
    while i and j:
        gain = gains[i - 1][j - 1]
        if gain and best[i, j] == best[i - 1, j - 1] + gain:
            pairs.append((i - 1, j - 1))
            i, j = i - 1, j - 1
        elif best[i, j] == best[i - 1, j]:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def _gain(node: OperatorKind, operator: OperatorKind, weight: int) -> int:
    return (weight if node in COMPUTING else 1) if _alike(node, operator) else 0
