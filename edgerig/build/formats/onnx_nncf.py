"""int8-static-nncf: 8-bit weights and activations by NNCF, whose bias correction takes the mean of what rounding costs
off each bias, layer by layer (Nagel et al. 2019, arXiv:1906.04721, section 4.2).

It is told what integers would spoil, as ONNX Runtime's quantizer is, and its files go the same way behind it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import onnx

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
    nncf = loaded()
    quantized = nncf.quantize(
        onnx.load(prepared),
        nncf.Dataset(list(fed_samples(input_tensors(model), calibration))),
        preset=nncf.QuantizationPreset.MIXED,
        target_device=nncf.TargetDevice.CPU,
        subset_size=len(calibration[0]),
        fast_bias_correction=False,
        ignored_scope=nncf.IgnoredScope(names=list(left)),
        advanced_parameters=_one_scale(nncf),
    )
    widen(quantized, shared_only=True)
    shield(quantized, left.keys())
    save(quantized, out)
    onnx_layers.check(model, quantized, recipe, asked)
    return computing(model, left.values()), onnx_layers.notes(model, quantized, asked)


def _one_scale(nncf: Any) -> Any:
    """For an activation. NNCF would give what a depthwise convolution reads a scale per channel, and ONNX Runtime then
    computes the convolutions on both sides of it in float."""
    single = nncf.quantization.advanced_parameters.QuantizationParameters(per_channel=False)
    return nncf.AdvancedQuantizationParameters(activations_quantization_params=single)
