"""What rounding adds on average is taken off the bias, and kept where it helps."""

from __future__ import annotations

import numpy as np
import pytest

from edgerig.build.equalize import bias
from edgerig.build.equalize.layers import Layer


def layer(groups: int, outputs: int, inputs: int, kernel: tuple[int, ...], seed: int) -> Layer:
    made = np.random.default_rng(seed)
    return Layer(made.standard_normal((groups, outputs, inputs, *kernel)), made.standard_normal(groups * outputs))


def computed(of: Layer, weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What the layer gives of `values` (samples, inputs, *kernel), the patch that a kernel sees: (samples, outputs)."""
    groups, _, inputs = weight.shape[:3]
    parted = values.reshape(len(values), groups, inputs, -1)
    flat = weight.reshape(*weight.shape[:3], -1)
    assert of.bias is not None
    given: np.ndarray = np.einsum("goik,ngik->ngo", flat, parted).reshape(len(values), -1) + of.bias
    return given


@pytest.mark.parametrize(
    ("parts", "kernel"), [((1, 5, 3), ()), ((1, 4, 3), (3, 3)), ((6, 1, 1), (3, 3))], ids=["dense", "conv", "depthwise"]
)
def test_the_mean_of_the_outputs_is_what_it_was(parts: tuple[int, int, int], kernel: tuple[int, ...]) -> None:
    """Whatever the rounded weights are."""
    groups, outputs, inputs = parts
    before = layer(groups, outputs, inputs, kernel, 1)
    rounded = np.round(before.weight * 4) / 4
    channel = np.random.default_rng(2).standard_normal((400, groups * inputs, *(1 for _ in kernel))) + 2.0
    values = np.broadcast_to(channel, (400, groups * inputs, *kernel))
    mean = bias.Mean()
    for each in values:
        mean.see(each, 0)
    after = bias.corrected(before, rounded, mean.value)
    wanted = computed(before, before.weight, values).mean(axis=0)
    assert np.abs(computed(before, rounded, values).mean(axis=0) - wanted).max() > 0.01
    np.testing.assert_allclose(computed(after, rounded, values).mean(axis=0), wanted, atol=1e-9)
    assert after.weight is before.weight


def test_a_layer_without_a_bias_has_none_to_correct() -> None:
    with pytest.raises(ValueError, match="without a bias"):
        bias.corrected(Layer(np.ones((1, 2, 3))), np.ones((1, 2, 3)), np.ones(3))


def test_means_are_taken_from_some_samples_and_others_judge() -> None:
    fitting, judging = bias.parted(range(16))
    assert (list(fitting), list(judging)) == (list(range(12)), list(range(12, 16)))
    assert bias.parted(range(bias.FEWEST - 1)) == ([], [])
    assert "7 calibration samples, and it takes 8" in bias.too_few(7)[0]


def test_what_does_not_help_is_left_out_and_said() -> None:
    true, near, far = ([[np.full(4, value)]] for value in (1.0, 1.01, 1.2))
    layers = {"op00": layer(1, 2, 3, (), 0), "op01": Layer(np.ones((1, 2, 3)))}
    better, worse = bias.judged(true, far, near), bias.judged(true, near, far)
    assert (better.helps, worse.helps, bias.judged(true, near, near).helps) == (True, False, False)
    said = bias.notes(["op00"], layers, better)
    errors = "relative error 0.2 → 0.01 on 1 calibration samples held out"
    assert said[0] == f"bias_correction: 1 of 2 layers with weights: {errors}"
    assert said[1] == "bias_correction: no bias to correct in op01"
    assert bias.notes(["op00"], layers, worse) == (
        "bias_correction: left out, for it does not help: relative error 0.01 → 0.2 on 1 calibration samples held out",
    )
