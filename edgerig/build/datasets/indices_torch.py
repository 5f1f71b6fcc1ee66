"""The indices of a torch module, by the ATen operators of its exported graph
(https://docs.pytorch.org/docs/stable/torch.compiler_ir.html)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import fx

from edgerig.build.datasets.index_bounds import Gather, Moved, Step
from edgerig.build.source import SourceModel

MOVING = frozenset(
    {"view", "reshape", "unsqueeze", "squeeze", "expand", "permute", "transpose", "t", "clone", "slice", "select"}
    | {"to", "_to_copy", "alias", "contiguous", "detach", "flatten", "repeat", "index_select", "gather", "embedding"}
)
"""Operators whose result holds the integers of their first argument."""
TABLES = {"embedding": (0, 0, 1), "index_select": (0, None, 2), "gather": (0, None, 2)}
"""Operator → place of the table, its axis (None: the argument after it) and place of the index."""


def steps(model: SourceModel) -> list[Step]:
    """Raises what the export raises."""
    program = torch.export.export(model.module, tuple(torch.from_numpy(array.copy()) for array in model.sample))
    named = dict(zip(program.graph_signature.user_inputs, (t.name for t in model.spec.inputs), strict=True))
    return [
        step
        for node in program.graph.nodes
        if node.op == "call_function"
        for step in _steps(node, {**{n.name: n.name for n in program.graph.nodes}, **named})
    ]


def _steps(node: fx.Node, names: dict[str, str]) -> Iterator[Step]:
    kind = str(getattr(node.target, "_opname", ""))
    arguments = node.args
    if kind in TABLES:
        table, axis, index = TABLES[kind]
        yield from _gather(arguments[table], arguments[table + 1] if axis is None else axis, arguments[index], names)
    elif kind == "index" and isinstance(arguments[1], list | tuple):
        for place, each in enumerate(arguments[1]):
            yield from _gather(arguments[0], place, each, names)
    if kind in MOVING and isinstance(arguments[0], fx.Node):
        yield Moved((names[arguments[0].name],), node.name)
    elif kind in ("cat", "stack") and isinstance(arguments[0], list | tuple):
        yield Moved(tuple(names[each.name] for each in arguments[0] if isinstance(each, fx.Node)), node.name)
    elif kind in ("add", "sub") and isinstance(arguments[0], fx.Node) and isinstance(arguments[1], int):
        yield Moved((names[arguments[0].name],), node.name, arguments[1] if kind == "add" else -arguments[1])


def _gather(table: Any, axis: Any, index: Any, names: dict[str, str]) -> Iterator[Step]:
    if isinstance(table, fx.Node) and isinstance(index, fx.Node) and isinstance(axis, int):
        yield Gather(names[index.name], int(table.meta["val"].shape[axis]))
