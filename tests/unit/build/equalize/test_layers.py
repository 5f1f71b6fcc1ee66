"""Weights in one form: what a framework stores, as (groups, outputs a group, inputs a group, …), and back."""

from __future__ import annotations

import numpy as np
import pytest

from edgerig.build.equalize.layers import (
    OUTLIER,
    Form,
    Layer,
    channels_last,
    convolution,
    depthwise_last,
    transposed_convolution,
)

FORMS = {
    "convolution": (convolution((6, 2, 3, 3), 2), (2, 3, 2, 3, 3)),
    "matrix (outputs, inputs)": (convolution((5, 4), 1), (1, 5, 4)),
    "matrix (inputs, outputs)": (transposed_convolution((4, 5), 1), (1, 5, 4)),
    "transposed in groups": (transposed_convolution((6, 2, 3, 3), 3), (3, 2, 2, 3, 3)),
    "channels last": (channels_last((6, 3, 3, 4), 1), (1, 6, 4, 3, 3)),
    "channels last in groups": (channels_last((6, 3, 3, 2), 2), (2, 3, 2, 3, 3)),
    "depthwise, two outputs an input": (depthwise_last((1, 3, 3, 8), 4), (4, 2, 1, 3, 3)),
}


@pytest.mark.parametrize(("form", "shape"), FORMS.values(), ids=FORMS)
def test_a_form_is_undone_to_the_bit(form: Form, shape: tuple[int, ...]) -> None:
    stored = np.random.default_rng(0).standard_normal(form.stored)
    assert form.of(stored).shape == shape
    assert np.array_equal(form.back(form.of(stored)), stored)


def test_ranges_are_of_channels_in_their_groups() -> None:
    weight = np.zeros((2, 2, 3))  # two groups of two outputs and three inputs
    weight[0, 1, 2], weight[1, 0, 0] = -5.0, 3.0
    layer = Layer(weight)
    assert (layer.outputs, layer.inputs) == (4, 6)
    assert layer.output_ranges.tolist() == [0, 5, 3, 0]
    assert layer.input_ranges.tolist() == [0, 0, 5, 3, 0, 0]


def test_scaling_outputs_takes_the_bias_along_and_inputs_do_not() -> None:
    layer = Layer(np.ones((1, 2, 3)), np.array([1.0, 2.0]))
    outputs = layer.scaled(outputs=np.array([2.0, 3.0]))
    assert outputs.weight[0, :, 0].tolist() == [2, 3]
    assert outputs.bias is not None and outputs.bias.tolist() == [2, 6]
    inputs = layer.scaled(inputs=np.array([2.0, 3.0, 4.0]))
    assert inputs.weight[0, 0].tolist() == [2, 3, 4]
    assert inputs.bias is not None and inputs.bias.tolist() == [1, 2]


def test_a_bias_beside_nearly_dead_weights_counts_as_their_range() -> None:
    weight = np.array([[[1.0], [1.0], [1.0], [1e-9]]])
    bias = np.array([0.5, 0.5, 0.5, 0.5])
    assert Layer(weight, bias).output_ranges == pytest.approx([1.0, 1.0, 1.0, 1.0 / OUTLIER])
    assert Layer(weight).output_ranges.tolist() == [1.0, 1.0, 1.0, 1e-9]
    assert Layer(weight, np.zeros(4)).output_ranges.tolist() == [1.0, 1.0, 1.0, 1e-9]


def test_one_to_one_is_a_depthwise_convolution_alone() -> None:
    assert Layer(np.ones((4, 1, 1, 3, 3))).one_to_one
    assert not Layer(np.ones((4, 2, 1, 3, 3))).one_to_one
    assert not Layer(np.ones((1, 4, 4, 3, 3))).one_to_one
