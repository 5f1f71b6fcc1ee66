"""What an ExecuTorch program file holds: its constants, the operators XNNPACK runs and those left to kernels.

Read from the file itself with ExecuTorch's own deserializer. A program has one execution plan a method: instructions
that call a kernel or a delegate (`schema/program.fbs`). An XNNPACK delegate's payload is a header and a flatbuffer of
the graph XNNPACK is given (`backends/xnnpack/serialization/schema.fbs`), decoded with the `flatc` the package ships;
weights stand in the program's named data, under their SHA-256, shared between delegates.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import XNNHeader, _get_schema_bytes
from executorch.exir._serialize._flatbuffer import _flatc_decompile
from executorch.exir._serialize._program import deserialize_pte_binary
from executorch.exir.schema import KernelCall, ScalarType, Tensor

from edgerig.build.formats import converting

XNNPACK = "XnnpackBackend"
XNNPACK_DTYPES = {
    "fp32": "float32",
    "fp16": "float16",
    "bf16": "bfloat16",
    "qint8": "int8",
    "quint8": "uint8",
    "qint32": "int32",
    "qcint8": "int8",
    "qcint32": "int32",
    "qcint4": "int4",
    "qbint4": "int4",
    "int32": "int32",
}
"""XNNDatatype, without its prefix, to the dtype stored. flatc leaves the default out: it is never a constant's."""
SCALE_DTYPES = {"PerChannelQuant": "float32", "PerChannelGroupQuant": "bfloat16"}
SCALAR_TYPES = {
    ScalarType.FLOAT: ("float32", 4),
    ScalarType.HALF: ("float16", 2),
    ScalarType.BFLOAT16: ("bfloat16", 2),
    ScalarType.DOUBLE: ("float64", 8),
    ScalarType.CHAR: ("int8", 1),
    ScalarType.BYTE: ("uint8", 1),
    ScalarType.SHORT: ("int16", 2),
    ScalarType.INT: ("int32", 4),
    ScalarType.LONG: ("int64", 8),
    ScalarType.BOOL: ("bool", 1),
}

MOVES = ("Convert", "StaticTranspose", "StaticReshape", "StaticSlice", "StaticConstantPad", "Concatenate", "Copy")
"""XNNPACK's operators that only move values, by the beginning of their kind."""
WEIGHTED_KERNELS = frozenset({"convolution", "linear", "addmm", "mm", "embedding"})
MOVING_KERNEL = re.compile(
    r"view|permute|transpose|_copy|clone|slice|squeeze|expand|cat|stack|pad|_prim|embedding|::full|topk|argm|^dim_order_ops"
)
"""Kernels outside delegates that move values, or choose them, without computing."""


@dataclass(frozen=True)
class Program:
    """`plan` is the method's execution plan; `graphs` the decoded XNNPACK graphs, one a delegate."""

    plan: Any
    graphs: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Program:
        """Raises BuildError when the file, or an XNNPACK payload in it, cannot be decoded."""
        with converting(f"reading {path.name} back"):
            program = deserialize_pte_binary(path.read_bytes()).program
            plan = program.execution_plan[0]
            delegates = [delegate for delegate in plan.delegates if delegate.id == XNNPACK]
            payloads = [program.backend_delegate_data[delegate.processed.index].data for delegate in delegates]
            return cls(plan, [_decode(bytes(payload)) for payload in payloads])

    def nodes(self) -> Counter[str]:
        """XNNPACK's operators by kind, over all delegates: what it runs, after fusion (a batch norm or ReLU folded into
        its convolution is not an operator any more) and with the transposes and converts lowering added.
        """
        return Counter(node["xnode_union_type"] for graph in self.graphs for node in graph["xnodes"])

    def kernels(self) -> Counter[str]:
        """Operators outside delegates by name, one a kernel call in the plan; views the memory plan elides are none."""
        calls = (i.instr_args for chain in self.plan.chains for i in chain.instructions)
        return Counter(self.plan.operators[call.op_index].name for call in calls if isinstance(call, KernelCall))

    def constants(self) -> dict[str, int]:
        """Bytes of constants by dtype ("int4" packed two to a byte), each stored constant counted once."""
        sizes: Counter[str] = Counter()
        seen: set[int | str] = set()
        for value in (v.val for v in self.plan.values):
            # Buffer 0 means "not a constant" (schema/program.fbs, Tensor.data_buffer_idx).
            if isinstance(value, Tensor) and value.data_buffer_idx > 0 and value.data_buffer_idx not in seen:
                seen.add(value.data_buffer_idx)
                dtype, width = SCALAR_TYPES[value.scalar_type]
                sizes[dtype] += width * math.prod(value.sizes)
        for graph in self.graphs:
            for dtype, index in _stored(graph):
                entry = graph["constant_data"][index]
                if entry["named_key"] not in seen:
                    seen.add(entry["named_key"])
                    sizes[dtype] += entry["size"]
        return dict(sizes)

    def in_float(self, *, every: bool) -> list[str]:
        """The kinds of operators with float32 weights, one entry per operator; with `every`, of all that compute on
        float32 values: XNNPACK's as it calls them, those outside delegates by their kernel's name."""
        found = []
        for graph in self.graphs:
            datatypes = _datatypes(graph)
            for node in graph["xnodes"]:
                union, kind = node["xnode_union"], node["xnode_union_type"].removeprefix("XNN")
                read = union["filter_id"] if "filter_id" in union else union.get("output_id") if every else None
                if read is not None and datatypes.get(read, "fp32") == "fp32" and not kind.startswith(MOVES):
                    found.append(kind)
        for name, count in self.kernels().items():
            kind = name.partition("::")[2]
            if kind in WEIGHTED_KERNELS or (every and not MOVING_KERNEL.search(name)):
                found += [kind.partition(".")[0]] * count
        return found


def _datatypes(graph: dict[str, Any]) -> dict[int, str]:
    """Each tensor's XNNDatatype, without its prefix, by id; flatc leaves defaults out, the id 0 among them."""
    tensors = [value["xvalue_union"].get("tensor_value", value["xvalue_union"]) for value in graph["xvalues"]]
    return {
        tensor.get("id_out", 0): tensor.get("datatype", "xnn_datatype_fp32").removeprefix("xnn_datatype_")
        for tensor in tensors
    }


def _stored(graph: dict[str, Any]) -> list[tuple[str, int]]:
    """The dtype and index into `constant_data` of every weight and every vector of scales; index 0 is no constant."""
    found = []
    for value in (v["xvalue_union"] for v in graph["xvalues"]):
        tensor = value.get("tensor_value", value)
        if tensor.get("constant_buffer_idx"):
            dtype = XNNPACK_DTYPES[tensor["datatype"].removeprefix("xnn_datatype_")]
            found.append((dtype, tensor["constant_buffer_idx"]))
        scales = value.get("quant_params", {})
        if scales.get("scale_buffer_idx"):
            found.append((SCALE_DTYPES[value["quant_params_type"]], scales["scale_buffer_idx"]))
    return found


def _decode(payload: bytes) -> dict[str, Any]:
    """An XNNPACK payload's graph, as flatc's JSON of it."""
    header = XNNHeader.from_bytes(payload[: XNNHeader.EXPECTED_LENGTH])
    with tempfile.TemporaryDirectory() as folder:
        schema, binary = Path(folder, "schema.fbs"), Path(folder, "graph.bin")
        schema.write_bytes(_get_schema_bytes())
        binary.write_bytes(payload[header.flatbuffer_offset : header.flatbuffer_offset + header.flatbuffer_size])
        _flatc_decompile(folder, str(schema), str(binary), ["--raw-binary"])
        text = binary.with_suffix(".json").read_text(encoding="utf-8")
    # flatc writes the open bounds of a clamp as a bare `inf`, which JSON readers know as Infinity.
    graph: dict[str, Any] = json.loads(re.sub(r"(?<=: )(-?)inf\b", r"\1Infinity", text))
    return graph
