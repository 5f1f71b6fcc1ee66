"""The entries of a profile of ONNX Runtime → the operators of each inference, each counted once.

A node's entry is written when the node has ended. That of a node with a body (Loop, If, Scan) spans those of its body,
which were written before it: their time is taken off it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from edgerig.ondevice.profiles import Event, Operator
from edgerig.ondevice.profiles.onnxruntime_work import node_work
from edgerig.ondevice.profiles.work import Work

KERNEL = "_kernel_time"
WHOLE = "model_run"
SUFFIX = re.compile(r"(_token_\d+|_nchwc)+$")
"""What ONNX Runtime puts behind the name of a node that it made of one of the file's."""


def read(
    entries: Sequence[dict[str, Any]],
    weights: dict[str, tuple[int, ...]],
    unit: int,
    works: dict[Operator, Work] | None = None,
    noting: Callable[[int], int] = lambda inputs: 0,
) -> list[list[Event]]:
    """`entries` as they were written, of a session whose nodes run one after the other. `unit`: how many of the clock's
    units their own is; `weights` are the file's shapes, by its nodes' names. What each operator has to do is added to
    `works`; `noting` tells of a number of inputs what writing of them is in the time of an operator, in the clock's
    units, and is taken off it."""
    runs: list[list[Event]] = []
    nodes: list[Ran] = []
    for entry in entries:
        name = str(entry.get("name", ""))
        if entry.get("cat") == "Node" and name.endswith(KERNEL):
            args, layer = entry.get("args", {}), name.removesuffix(KERNEL)
            operator = Operator(_word(args, layer, weights), "ort", int(args.get("node_index", 0)), layer)
            todo = node_work(args, weights.get(SUFFIX.sub("", layer), ()))
            noted = noting(len(args.get("input_type_shape", ())))
            _ended(nodes, Ran(operator, int(entry.get("ts", 0)), int(entry.get("dur", 0)), [], todo, noted))
        elif name == WHOLE:
            runs.append(list(_events(nodes, unit, {} if works is None else works)))
            nodes = []
    return runs


class Ran(NamedTuple):
    """A node's call, from its begin and as long as it took, in the profile's unit; `inside` are those of its body;
    `noted` what writing of it is in what it took, in the clock's unit."""

    operator: Operator
    begun: int
    took: int
    inside: list[Ran]
    work: Work
    noted: int


def _ended(nodes: list[Ran], node: Ran) -> None:
    """Adds a node to those that ended before it. Nodes run one after the other: what began after it is its body. Times
    are truncated: a node of no length that began when it did was before it, as it writes of itself before its body."""
    place = len(nodes)
    while place and (nodes[place - 1].begun, nodes[place - 1].took) > (node.begun, 0):
        place -= 1
    node.inside.extend(nodes[place:])
    nodes[place:] = [node]


def _events(nodes: Sequence[Ran], unit: int, works: dict[Operator, Work], body: int = 0) -> Iterator[Event]:
    """In the order in which they began, without the time of their bodies. A body's nodes are counted from 0 again:
    `body` tells them from others."""
    for node in nodes:
        operator = node.operator._replace(place=node.operator.place + (body << 32))
        works[operator] = node.work
        own = (node.took - sum(each.took for each in node.inside)) * unit - node.noted
        yield Event(operator, max(own, 0))
        yield from _events(node.inside, unit, works, operator.place + 1)


def _word(args: dict[str, Any], layer: str, weights: dict[str, tuple[int, ...]]) -> str:
    """ONNX's name of the operator; of a convolution with what its weights' shape says: XNNPACK's names say it too. The
    profile tells shapes of weights that were not packed, the file (`weights`) those of its own nodes."""
    name = str(args.get("op_name", ""))
    if "Conv" not in name or "Transpose" in name:
        return name
    told = [tuple(shape) for typed in args.get("input_type_shape", []) for shape in typed.values()]
    shape = weights.get(SUFFIX.sub("", layer)) or next((each for each in told[1:] if len(each) == 4), ())
    if shape[2:] == (1, 1):
        return f"{name} 1x1"
    channels = told[0][1:] if told else ()
    return f"{name} depthwise" if shape[1:2] == (1,) and shape[0] > 1 and shape[0] in channels else name
