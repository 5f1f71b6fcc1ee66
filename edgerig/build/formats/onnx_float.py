"""The float graph every ONNX recipe starts from, in a form that quantizers take.

Exporters and old files differ in what is valid ONNX but not expected by ONNX Runtime's tools: weights listed among the
inputs, an output that is an input or another output, an operator set from before per-channel scales.
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter
from onnxruntime.quantization.shape_inference import quant_pre_process

from edgerig.build.formats.onnx_graph import drop_unread, held, input_tensors, names_in, opset
from edgerig.build.formats.onnx_old import as_before, check_old
from edgerig.build.onnx_weights import external_files, save
from edgerig.errors import BuildError

OPSET = 13
"""The first in which QuantizeLinear and DequantizeLinear have an axis, for weights with one scale per channel."""
IR_VERSION = 8
"""The file format of opset 13 and later; from 4 on, initializers need not be inputs as well (onnx/docs/IR.md)."""
BIASED = frozenset({"Conv", "ConvTranspose", "Gemm"})
"""Operators whose third input is a bias (ONNX operator specification)."""


def settle(path: Path) -> None:
    """Rewrites the file so that its inputs are what a caller feeds and each output is a value of its own."""
    model = onnx.load(path)
    fed = input_tensors(model)
    del model.graph.input[:]
    model.graph.input.extend(fed)
    model.ir_version = max(model.ir_version, IR_VERSION)
    _own_outputs(model)
    save(model, path)


def _own_outputs(model: onnx.ModelProto) -> None:
    """Puts an Identity before an output that is an input, a constant or a repeated output.

    Names of outputs stay where they can: two of one name become `name` and `name_1`. A quantizer would otherwise
    rename what an input is fed by, or give an output the integers of the value it shares.
    """
    graph = model.graph
    taken = set(names_in(graph))
    given = {tensor.name for tensor in (*graph.input, *graph.initializer)}
    seen: set[str] = set()
    for output in graph.output:
        if output.name in given or output.name in seen:
            name = _free(output.name, taken)
            graph.node.append(helper.make_node("Identity", [output.name], [name], name=name))
            output.name = name
        seen.add(output.name)


def _free(name: str, taken: set[str]) -> str:
    index = 1
    while f"{name}_{index}" in taken:
        index += 1
    taken.add(f"{name}_{index}")
    return f"{name}_{index}"


def modernise(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` in an operator set that has scales a channel; itself where it is.

    Raises BuildError naming the operator whose meaning changed between the versions in a way the converter cannot
    express.
    """
    version = opset(model)
    if version >= OPSET:
        return model
    try:
        check_old(model, version)
        modern = version_converter.convert_version(model, OPSET)
        as_before(modern, version)
        modern.ir_version = max(modern.ir_version, IR_VERSION)
        onnx.checker.check_model(modern, full_check=True)
    except Exception as error:  # onnx raises its own kinds
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise BuildError(
            f"the file is written in opset {version}, and onnx cannot bring it to opset {OPSET}: "
            f"{lines[0] if lines else type(error).__name__}",
            hint=f"export it again with opset {OPSET} or later; fp32 builds from the file as it is",
        ) from error
    return modern


def prepare(source: Path, prepared: Path) -> None:
    """Writes `source` after fusion and shape inference, as the quantizers want it, to `prepared`. Raises BuildError."""
    work = prepared.with_suffix(".draft")
    model = modernise(onnx.load(source))
    save(model, work)
    large = bool(external_files(work))
    del model
    try:
        quant_pre_process(str(work), str(prepared), save_as_external_data=large)
    except Exception:  # its symbolic inference knows fewer operators than ONNX; every shape here is fixed anyway
        quant_pre_process(str(work), str(prepared), skip_symbolic_shape=True, save_as_external_data=large)
    model = onnx.load(prepared)
    store_constants(model, held(model))
    _plain_gemms(model)
    _rename_biases(model)
    # Inferred shapes of values that quantization re-types make quantize_dynamic's own inference fail.
    del model.graph.value_info[:]
    _name_nodes(model)
    save(model, prepared)


def store_constants(model: onnx.ModelProto, names: Container[str]) -> None:
    """Makes those of `names` that Constant nodes give initializers: the quantizer knows no other weights."""
    graph = model.graph
    kept = []
    for node in graph.node:
        value = next((a.t for a in node.attribute if node.op_type == "Constant" and a.name == "value"), None)
        if value is None or node.output[0] not in names:
            kept.append(node)
            continue
        stored = graph.initializer.add()
        stored.CopyFrom(value)
        stored.name = node.output[0]
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(nodes)


def _name_nodes(model: onnx.ModelProto) -> None:
    """Gives every node a name of its own: the quantizer's lists of nodes, and of biases, go by it."""
    taken: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{index}_{node.output[0]}"
        taken.add(node.name)


def _plain_gemms(model: onnx.ModelProto) -> None:
    """Takes factors and broadcasting out of each Gemm by constants: alpha * A' * B' + beta * C (ONNX operator
    specification) becomes A' * B' + C with C of one number per column, which is what the quantizer takes a bias to be.
    """
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "Gemm" or node.input[1] not in stored:
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        weight = numpy_helper.to_array(stored[node.input[1]])
        columns = weight.shape[0 if attributes.get("transB", 0) else 1]
        alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
        has_bias = len(node.input) > 2 and bool(node.input[2])
        bias = numpy_helper.to_array(stored[node.input[2]]) if has_bias and node.input[2] in stored else None
        if has_bias and (
            bias is None or bias.size not in (1, columns) or bias.shape[-1:] not in ((), (1,), (columns,))
        ):
            continue  # one number per row, or computed: the bias stays float
        if alpha != 1.0:
            node.input[1] = f"{node.output[0]}_scaled_weight"
            graph.initializer.append(numpy_helper.from_array((weight * alpha).astype(weight.dtype), node.input[1]))
        if bias is not None and (beta != 1.0 or bias.shape != (columns,)):
            node.input[2] = f"{node.output[0]}_plain_bias"
            plain = np.broadcast_to((bias * beta).astype(bias.dtype).reshape(-1), (columns,))
            graph.initializer.append(numpy_helper.from_array(np.array(plain), node.input[2]))
        kept = [a for a in node.attribute if a.name not in ("alpha", "beta")]
        del node.attribute[:]
        node.attribute.extend(kept)


def _rename_biases(model: onnx.ModelProto) -> None:
    """Gives each bias another name where its own with a number behind it is a value's already.

    The quantizer copies a bias that operators share under such names, and asks of initializers alone whether they are
    free (qdq_quantizer.py, _dup_initializer): an operator would then read the copy for what another computes.
    """
    graph = model.graph
    taken = set(names_in(graph))
    stems = {name[:end] for name in taken for end in range(len(name.rstrip("0123456789")), len(name))}
    stored = {tensor.name: tensor for tensor in graph.initializer}
    renamed: dict[str, str] = {}
    for node in graph.node:
        bias = node.input[2] if node.op_type in BIASED and len(node.input) > 2 else ""
        if bias not in stored or bias not in stems:
            continue
        if bias not in renamed:
            renamed[bias] = f"{bias}_bias"
            while renamed[bias] in taken | stems:
                renamed[bias] += "_"
            copied = graph.initializer.add()
            copied.CopyFrom(stored[bias])
            copied.name = renamed[bias]
        node.input[2] = renamed[bias]
    drop_unread(graph)
