"""int8-static-nncf: 8-bit weights and activations by NNCF, whose bias correction takes the mean of what rounding costs
off each bias, layer by layer (Nagel et al. 2019, arXiv:1906.04721, section 4.2).

It is told what integers would spoil, as ONNX Runtime's quantizer is, and its files go the same way behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.capi import onnxruntime_pybind11_state as state

from edgerig.build.calibration import PERCENTILE, Method
from edgerig.build.formats import onnx_layers
from edgerig.build.formats.onnx_graph import input_tensors
from edgerig.build.formats.onnx_ranges import fed_samples, observe
from edgerig.build.formats.onnx_shield import shield
from edgerig.build.formats.onnx_static import INTEGER_OPERATORS, computing, unfit_for_integers
from edgerig.build.formats.onnx_unsigned import widen
from edgerig.build.onnx_weights import save
from edgerig.build.source import Arrays
from edgerig.spec import RecipeSpec

TELEMETRY = "openvino_telemetry"
"""NNCF's package that reports home, and keeps an id there on its first import; where it is not there NNCF does without
(nncf/telemetry/wrapper.py)."""
FUSED = ("gemm_input_shape", "gemm_output_shape")
REFUSED = (state.Fail, state.InvalidGraph)
FAST = (
    "biases are corrected by NNCF's fast method: ONNX Runtime refused the parts of the network that its other one runs"
)


def loaded() -> Any:
    """NNCF, which reports nothing."""
    sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type]  # an import of it fails
    import nncf

    return nncf


def quantize(
    prepared: Path, calibration: Arrays, out: Path, recipe: RecipeSpec
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """As `onnx_static.quantize`."""
    model = onnx.load(prepared)
    ranges = prepared.with_suffix(".ranges.json")
    ranges.unlink(missing_ok=True)  # another recipe's
    bounds = observe(prepared, calibration, INTEGER_OPERATORS, Method("min-max", PERCENTILE), ranges)
    asked = onnx_layers.asked(model, recipe)
    unfit, _ = unfit_for_integers(model, bounds)
    left = {node.name: node for node in (*unfit, *asked.values())}
    data = list(fed_samples(input_tensors(model), calibration))
    quantized, said = _quantized(prepared, data, list(left))
    widen(quantized, shared_only=True)
    shield(quantized, left.keys())
    save(quantized, out)
    onnx_layers.check(model, quantized, recipe, asked)
    return computing(model, left.values()), (*onnx_layers.notes(model, quantized, asked), *said)


def _quantized(prepared: Path, data: Sequence[Mapping[str, Any]], ignored: list[str]) -> tuple[Any, tuple[str, ...]]:
    """The network in integers but for the nodes `ignored`, and what to know of it.

    The correction runs parts of the network, cut out of it; where values of normalizations are used again further on
    NNCF 3.4.0 cuts parts that define a value twice, which ONNX Runtime refuses. Its fast correction runs single layers.
    """
    nncf = loaded()

    def quantized(*, fast: bool) -> Any:
        return nncf.quantize(
            _renamed(onnx.load(prepared)),
            nncf.Dataset(list(data)),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(data),
            fast_bias_correction=fast,
            ignored_scope=nncf.IgnoredScope(names=ignored),
            advanced_parameters=_one_scale(nncf),
        )

    try:
        return quantized(fast=False), ()
    except REFUSED:
        return quantized(fast=True), (FAST,)


def _renamed(model: onnx.ModelProto) -> onnx.ModelProto:
    """With other names for the shapes that ONNX Runtime's own fusion of products and sums has put into the network
    (matmul_add_fusion.cc): it would give them again to what NNCF leaves of such a pair, and refuse the file."""
    for node in model.graph.node:
        node.input[:] = [_other(name) for name in node.input]
    for constant in model.graph.initializer:
        constant.name = _other(constant.name)
    return model


def _other(name: str) -> str:
    return f"prepared_{name}" if name.startswith(FUSED) else name


def _one_scale(nncf: Any) -> Any:
    """For an activation. NNCF would give what a depthwise convolution reads a scale per channel, and ONNX Runtime then
    computes the convolutions on both sides of it in float."""
    single = nncf.quantization.advanced_parameters.QuantizationParameters(per_channel=False)
    return nncf.AdvancedQuantizationParameters(activations_quantization_params=single)
