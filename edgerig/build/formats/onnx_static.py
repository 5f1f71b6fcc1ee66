"""int8-static: 8-bit weights and activations, in ONNX's QuantizeLinear/DequantizeLinear form.

ONNX Runtime's quantizer marks what computes in integers; here it is told what it would spoil or cannot quantize.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

from edgerig.build.calibration import Method
from edgerig.build.formats import onnx_layers
from edgerig.build.formats.onnx_graph import consumers, held, producers, weights_of
from edgerig.build.formats.onnx_pairs import bypass
from edgerig.build.formats.onnx_ranges import Bounds, observe
from edgerig.build.formats.onnx_shield import shield
from edgerig.build.formats.onnx_spectrum import spectral
from edgerig.build.formats.onnx_unsigned import widen
from edgerig.build.onnx_weights import external_files, save
from edgerig.build.source import Arrays
from edgerig.spec import RecipeSpec

INTEGER_OPERATORS = (
    *("Conv", "ConvTranspose", "Gemm", "MatMul", "Gather"),
    *("Add", "Mul", "Sigmoid", "LeakyRelu", "Softmax", "Relu", "Clip", "Concat", "Where"),
    *("MaxPool", "AveragePool", "GlobalAveragePool", "Resize", "Pad", "Split", "Slice", "ArgMax"),
    *("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"),
)
"""What is quantized: what ONNX Runtime's CPU provider has integer kernels for, or moves bytes in, and ConvTranspose,
whose weights are stored in 8 bits and used in float. Normalizations, TopK and CumSum, which its quantizer would also
take, have none: quantizing around a float kernel costs accuracy and time (onnxruntime/core/providers/cpu)."""
MASKING = 1e4
"""A span of a softmax's inputs no scores have: beyond it is a mask (-inf, -1e9, float32's lowest), whose 8-bit steps
would swallow the scores."""
STEPS = 255
"""Of an 8-bit grid."""
FEWEST_STEPS = 4
"""A part that gets fewer than four steps of the whole's grid is lost."""
MOVING_OPERATORS = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Identity", "Expand"})
"""They hand values on unchanged."""


def quantize(
    prepared: Path, calibration: Arrays, out: Path, recipe: RecipeSpec
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Writes the graph in `prepared`, quantized by the ranges it has on `calibration`, to `out`; its weights signed
    around 0, or unsigned around 128 (`onnx_unsigned`), as the recipe says.

    Gives the operators kept in float that have no weights, one entry each, and what to note of those the recipe names.
    """
    model = onnx.load(prepared)
    ranges = prepared.with_suffix(".ranges.json")
    ranges.unlink(missing_ok=True)  # another recipe's
    bounds = observe(prepared, calibration, INTEGER_OPERATORS, Method.of(recipe, "onnx"), ranges)
    unfit, coarse = unfit_for_integers(model, bounds)
    asked = onnx_layers.asked(model, recipe)
    left = {node.name: node for node in (*unfit, *asked.values())}
    quantize_static(
        str(prepared),
        str(out),
        quant_format=QuantFormat.QDQ,
        use_external_data_format=bool(external_files(prepared)),
        op_types_to_quantize=list(INTEGER_OPERATORS),
        per_channel=not recipe.options.per_tensor,
        reduce_range=recipe.options.reduce_range is True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=list(left),
        calibrate_method=CalibrationMethod.MinMax,
        calibration_cache_path=ranges,
        extra_options={"TensorQuantOverrides": _per_tensor(model)},
    )
    quantized = onnx.load(out)
    kept = [node for node in quantized.graph.node if node.op_type in INTEGER_OPERATORS]
    bypass(quantized, coarse, {node.name for node in kept} - left.keys())
    widen(quantized, shared_only=recipe.kind != "int8-static-unsigned")
    shield(quantized, left.keys())
    save(quantized, out)
    onnx_layers.check(model, quantized, recipe, asked)
    return computing(model, left.values()), onnx_layers.notes(model, quantized, asked)


def computing(model: onnx.ModelProto, left: Iterable[onnx.NodeProto]) -> tuple[str, ...]:
    """Of the nodes `left` in float those that compute without weights, an operator's name each."""
    weightless = [node for node in left if not weights_of(node, held(model))]
    return tuple(node.op_type for node in weightless if node.op_type not in MOVING_OPERATORS)


def unfit_for_integers(model: onnx.ModelProto, bounds: Bounds) -> tuple[list[onnx.NodeProto], set[str]]:
    """The nodes that 8 bits would spoil, by what each value was; and the values that a split or a join of very
    different sizes takes apart or puts together."""
    mixed, coarse = _mixed(model, bounds)
    return [*_spoilt(model, bounds), *mixed, *_after_outputs(model), *spectral(model)], coarse


def _spoilt(model: onnx.ModelProto, bounds: dict[str, tuple[float, float]]) -> list[onnx.NodeProto]:
    """The nodes that must stay float: those that read or give a value with infinities, and masked softmaxes."""
    infinite = {name for name, (low, high) in bounds.items() if not np.isfinite([low, high, high - low]).all()}
    infinite |= {name for name, tensor in held(model).items() if not _finite(tensor)}
    makers, readers = producers(model), consumers(model)
    found = {node.name: node for node in model.graph.node if infinite.intersection((*node.input, *node.output))}
    for node in model.graph.node:
        low, high = bounds.get(node.input[0], (0.0, 0.0)) if node.input else (0.0, 0.0)
        if node.op_type not in ("Softmax", "LogSoftmax") or high - low <= MASKING:
            continue
        found[node.name] = node
        name = node.input[0]
        while (maker := makers.get(name)) is not None:  # back to the operator that adds or chooses the mask
            found[maker.name] = maker
            found.update({reader.name: reader for reader in readers[name]})
            if maker.op_type not in MOVING_OPERATORS:
                masks = {each for each in maker.input if np.ptp(bounds.get(each, (0.0, 0.0))) > MASKING}
                found.update({n.name: n for n in model.graph.node if masks.intersection((*n.input, *n.output))})
                break
            name = maker.input[0]
    return list(found.values())


def _mixed(model: onnx.ModelProto, bounds: dict[str, tuple[float, float]]) -> tuple[list[onnx.NodeProto], set[str]]:
    """The nodes that take apart or put together values of very different size, and the values that are both.

    One scale for boxes in the thousands and scores of a few ones leaves nothing of the scores.
    """
    nodes, values = [], set()
    for node in model.graph.node:
        whole, parts = (
            (node.input[0], node.output) if node.op_type in ("Split", "Slice") else (node.output[0], node.input)
        )
        if node.op_type not in ("Split", "Slice", "Concat") or whole not in bounds:
            continue
        spans = [_span(bounds[part]) for part in parts if part in bounds]
        if any(0 < span < FEWEST_STEPS * _span(bounds[whole]) / STEPS for span in spans):
            nodes.append(node)
            values.add(whole)
    return nodes, values


def _span(bound: tuple[float, float]) -> float:
    """What an 8-bit grid that has 0 must cover."""
    return max(bound[1], 0.0) - min(bound[0], 0.0)


def _after_outputs(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The activations that read an output of the graph: the quantizer would give that their range, cut at 0 or 6."""
    outputs = {output.name for output in model.graph.output}
    return [node for node in model.graph.node if node.op_type in ("Relu", "Clip") and node.input[0] in outputs]


def _finite(tensor: onnx.TensorProto) -> bool:
    floats = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
    return tensor.data_type not in floats or bool(np.isfinite(numpy_helper.to_array(tensor)).all())


def _per_tensor(model: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """The weights that get one scale: those whose channels the quantizer would take along another axis.

    A ConvTranspose in groups has its output channels on two axes (input channel / group × output channel of a group);
    MatMul's channels are the last axis of its second operand where that has two axes (quantizer: axis 1, whatever it
    is).
    """
    constants = held(model)
    single: set[str] = set()
    for node in model.graph.node:
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        if node.op_type == "ConvTranspose" and groups > 1:
            single.add(node.input[1])
        if node.op_type == "MatMul":
            single.update(
                name
                for index, name in enumerate(node.input)
                if index == 0 or len(constants.get(name, _MATRIX).dims) != 2
            )
        if node.op_type == "Gather":
            single.add(node.input[0])
    return {
        name: [{"quant_type": QuantType.QInt8}]
        for name in sorted(single)
        if name in constants and constants[name].data_type == TensorProto.FLOAT
    }


_MATRIX = TensorProto(dims=(1, 1))
