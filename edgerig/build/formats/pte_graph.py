"""What XNNPACK is given in each partition of a program, operator by operator: names, multiply-accumulates and bytes.

XNNPACK's own profile tells neither, only what it calls its operators and in which order. A partition's graph lies in
the program, its operators in the order they run in, and each has the debug handle of the edge graph's operator that it
was made of; the names of handles are known while the program is lowered, and are not in the file.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from executorch.backends.xnnpack.serialization import xnnpack_graph_schema
from executorch.exir import EdgeProgramManager
from executorch.exir.debug_handle_utils import DEBUG_HANDLE_KEY, FROM_NODE_KEY
from executorch.exir.lowered_backend_module import LoweredBackendModule
from executorch.exir.schema import DelegateCall
from torch import fx

from edgerig.build.formats.pte import XNNPACK, XNNPACK_DTYPES, Program
from edgerig.measure.operator_layers import Node
from edgerig.ondevice.profiles.work import Tensor, work

WORDS = {
    "Conv2d": "conv_2d",
    "DepthwiseConv2d": "depthwise_conv_2d",
    "FullyConnected": "fully_connected",
    "BatchMatrixMultiply": "matmul",
}
"""XNNPACK's operators whose multiply-accumulates are counted, in the words they are counted by (`work`). Weights lie as
TFLite's: outputs first, of a depthwise convolution last."""
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "int32": 4, "int8": 1, "qdint8": 1}
CALLED = {"GlobalAvgPooling2d": "Mean"}
"""Where XNNPACK computes it by an operator of another kind."""
ADDED = ("Convert", "StaticTranspose")
"""What lowering puts between layers: it computes none."""
NOTHING = 2**32 - 1
"""XNN_INVALID_VALUE_ID: an input that is left out."""
_Told = tuple[tuple[int, ...], str]
"""A tensor's shape and dtype."""
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def partitions(program: Program, names: Mapping[int, str]) -> tuple[tuple[Node, ...], ...]:
    """Of each partition in the order in which they are called first; `names` by debug handle. () where one of them is
    not called, or is no partition of XNNPACK's: their order in a profile would not be known."""
    plan = program.plan
    calls = (i.instr_args for chain in plan.chains for i in chain.instructions)
    order = list(dict.fromkeys(call.delegate_index for call in calls if isinstance(call, DelegateCall)))
    if len(order) != len(program.graphs) or any(delegate.id != XNNPACK for delegate in plan.delegates):
        return ()
    return tuple(tuple(_nodes(program.graphs[index], names)) for index in order)


def layer_names(edge: EdgeProgramManager) -> dict[int, str]:
    """By debug handle what the source called it: the path of its module and the operator, `features.0/conv2d`. Each
    operator of a lowered graph knows those it came of, back to the first export; one that only converts is no layer."""
    found: dict[int, str] = {}
    for module in edge.exported_program().graph_module.children():
        for node in module.original_module.graph.nodes if isinstance(module, LoweredBackendModule) else ():
            if node.op == "call_function" and "quantize" not in node.name:
                found.setdefault(node.meta.get(DEBUG_HANDLE_KEY, 0), _layer(node))
    return found


def _layer(node: fx.Node) -> str:
    name, before = "", node.meta.get(FROM_NODE_KEY) or []
    while before:
        name, before = before[-1].name, before[-1].from_node
    paths = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
    return "/".join(part for part in (paths[-1] if paths else "", name) if part)


def _nodes(graph: Mapping[str, Any], names: Mapping[int, str]) -> list[Node]:
    tensors = dict(map(_tensor, graph["xvalues"]))
    return [_node(each, tensors, names.get(each.get("debug_handle", 0), "")) for each in graph["xnodes"]]


def _tensor(value: Mapping[str, Any]) -> tuple[int, _Told]:
    """A tensor's id, and its shape and dtype; flatc leaves defaults out."""
    told = value["xvalue_union"].get("tensor_value", value["xvalue_union"])
    kind = told.get("datatype", "xnn_datatype_fp32").removeprefix("xnn_datatype_")
    return told.get("id_out", 0), (tuple(told.get("dims", ())), XNNPACK_DTYPES.get(kind, kind))


def _node(node: Mapping[str, Any], tensors: Mapping[int, _Told], layer: str) -> Node:
    kind, told = node["xnode_union_type"], node["xnode_union"]
    read, given = list[_Told](), list[_Told]()
    for field in _ids(kind):
        tensor = tensors.get(told.get(field, 0))
        if tensor is not None and told.get(field, 0) != NOTHING:
            (given if field.startswith("output") else read).append(tensor)
    short = kind.removeprefix("XNN")
    sides = ([Tensor(shape, BYTES.get(dtype, 0)) for shape, dtype in side] for side in (read, given))
    found = work(WORDS.get(short, ""), *sides)
    known = all(dtype in BYTES for _, dtype in (*read, *given))
    return Node(
        CALLED.get(short, _WORD.sub(" ", short)),
        "" if short in ADDED else layer,
        found.macs,
        found.moved if known else None,
    )


def _ids(kind: str) -> list[str]:
    """Which of an operator's fields name tensors; those it has none of are no fields of its kind."""
    fields = dataclasses.fields(getattr(xnnpack_graph_schema, kind))
    return [field.name for field in fields if field.name.endswith("_id")]
