"""Sums over samples → figures of layers → the one that loses most."""

from __future__ import annotations

import numpy as np
import pytest

from edgerig.measure.layers import (
    CEILING_DB,
    Operator,
    Range,
    Seen,
    Weights,
    layer_results,
    sqnr_db,
    weights_sqnr_db,
    weights_steps,
)
from edgerig.measure.suspect import first_below, suspect
from edgerig.results.layers import EXACT_DB, LayerResult

BYTE = Range(-1.0, 1.0, 2 / 255)


def seen(noise: float, *, shape: tuple[int, ...] = (1, 4, 4, 8), within: Range | None = None) -> Seen:
    """Of a tensor whose error is `noise` of its size."""
    rng = np.random.default_rng(0)
    found = Seen(axis=-1, range=within)
    for _ in range(3):
        values = rng.standard_normal(shape)
        found.see(values, values * (1 + noise))
    return found


@pytest.mark.parametrize(("noise", "expected"), [(1.0, 0.0), (0.01, 20.0), (1e-4, 40.0)])
def test_sqnr_is_ten_times_the_logarithm_of_the_ratio_of_energies(noise: float, expected: float) -> None:
    assert sqnr_db(1.0, noise) == pytest.approx(expected)


def test_what_differs_in_nothing_is_exact_and_zeros_have_no_ratio() -> None:
    assert sqnr_db(1.0, 0.0) == EXACT_DB
    assert sqnr_db(0.0, 1.0) == -EXACT_DB
    assert sqnr_db(0.0, 0.0) is None


def test_samples_add_up_to_what_they_are_together() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((6, 3, 4))
    y = x + 0.1 * rng.standard_normal(x.shape)
    apart, whole = Seen(axis=-1), Seen(axis=-1)
    for index in range(6):
        apart.see(x[index : index + 1], y[index : index + 1])
    whole.see(x, y)
    assert apart.sqnr_db == pytest.approx(whole.sqnr_db)
    assert np.array_equal(apart.high, whole.high)
    assert apart.values == whole.values == x.size


def test_values_that_are_not_finite_in_the_twin_are_left_out() -> None:
    found = Seen(axis=-1)
    found.see(np.array([[1.0, -np.inf]]), np.array([[1.0, -1e9]]))
    assert found.sqnr_db == EXACT_DB


def test_tensors_of_two_shapes_are_no_pair() -> None:
    with pytest.raises(ValueError, match="shape"):
        Seen(axis=-1).see(np.zeros((1, 2)), np.zeros((2, 1)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_in_the_quantized_network_alone_is_noise_without_end(value: float) -> None:
    found = Seen(axis=-1)
    found.see(np.ones((1, 2)), np.array([[1.0, value]]))
    found.see(np.ones((1, 2)), np.ones((1, 2)))
    (row,) = layer_results([], ["x"], {"x": found}, {})
    assert row.sqnr_db == -EXACT_DB
    weights = Weights(np.ones((1, 2)), np.array([[1.0, value]]), np.full((1, 1), 0.1))
    assert weights_sqnr_db(weights) == -EXACT_DB
    assert weights_steps(weights) is None


def test_an_empty_tensor_is_a_row_without_figures() -> None:
    found = Seen(axis=-1, range=BYTE)
    found.see(np.ones((0, 3)), np.ones((0, 3)))
    (row,) = layer_results([], ["x"], {"x": found}, {})
    assert (row.sqnr_db, row.outside, row.saturated) == (None, None, 0.0)


def chain(*noises: float) -> tuple[LayerResult, ...]:
    """Layers one behind the other, each as far off as told; before them an input that is exact."""
    operators = [Operator(f"op{i:02}_CONV_2D", "CONV_2D", (f"t{i}",), (f"t{i + 1}",)) for i in range(len(noises))]
    tensors = {"t0": seen(0.0)} | {f"t{i + 1}": seen(noise) for i, noise in enumerate(noises)}
    return layer_results(operators, ["t0"], tensors, {})


def test_the_suspect_drops_most_and_is_not_the_lowest() -> None:
    layers = chain(0.01, 0.2, 0.25, 0.3)
    assert [round(each.sqnr_db) for each in layers[1:]] == [40, 14, 12, 10]
    assert first_below(layers, 20.0) == suspect(layers, 20.0) == 2
    assert layers[2].name == "op01_CONV_2D"
    assert layers[2].drop_db == pytest.approx(layers[1].sqnr_db - layers[2].sqnr_db)


def test_an_exact_input_counts_as_one_of_8_bits() -> None:
    layer = chain(0.01)[1]
    assert layer.drop_db == pytest.approx(CEILING_DB - layer.sqnr_db)


def test_layers_name_those_whose_values_they_read() -> None:
    assert [each.reads for each in chain(0.01, 0.2)] == [(), ("t0",), ("op00_CONV_2D",)]


def test_an_input_that_is_fed_wrongly_drops_from_what_8_bits_can_be() -> None:
    rows = layer_results([], ["x", "y"], {"x": seen(0.5), "y": seen(0.0)}, {})
    assert rows[0].drop_db == pytest.approx(CEILING_DB - rows[0].sqnr_db)
    assert rows[1].drop_db == 0
    assert suspect(rows, 20.0) == 0


@pytest.mark.parametrize("beyond", [0.0, 1.0])
def test_a_range_has_the_noise_of_its_steps_and_of_what_lies_beyond(beyond: float) -> None:
    """As integers of it would have, rounded and clipped."""
    x = np.random.default_rng(3).uniform(-1 - beyond, 1 + beyond, (1, 200, 50))
    found = Seen(axis=-1, range=BYTE)
    found.see(x, x)
    stored = np.clip(np.round(x / BYTE.step) * BYTE.step, BYTE.least, BYTE.largest)
    expected = sqnr_db(float((x**2).sum()), float(((x - stored) ** 2).sum()))
    assert found.range_sqnr_db == pytest.approx(expected, abs=0.1)
    assert Seen(axis=-1).range_sqnr_db is None


def test_no_layer_is_suspected_over_the_threshold_nor_where_all_lose_a_little() -> None:
    assert suspect(chain(0.01, 0.02), 20.0) is None
    gradual = chain(0.05, 0.08, 0.11, 0.15, 0.2)
    assert first_below(gradual, 20.0) == 3
    assert suspect(gradual, 20.0) is None


def test_a_layer_is_judged_by_the_worst_of_its_inputs() -> None:
    operators = [Operator("op00_ADD", "ADD", ("a", "b"), ("c",))]
    layers = layer_results(operators, ["a", "b"], {"a": seen(0.0), "b": seen(0.1), "c": seen(0.1)}, {})
    assert layers[2].drop_db == pytest.approx(0.0, abs=0.1)


def test_what_was_not_seen_is_computed_with_what_follows() -> None:
    operators = [
        Operator("op00_Conv", "Conv", ("a",), ("b",)),
        Operator("op01_Relu", "Relu", ("b",), ("c",)),
        Operator("op02_Reshape", "Reshape", ("c",), ("d",)),
    ]
    own = Weights(np.ones((2, 2)), np.full((2, 2), 0.9), np.full((2, 1), 0.1))
    layers = layer_results(operators, ["a"], {"a": seen(0.0), "c": seen(0.01), "d": seen(0.01)}, {"op00_Conv": own})
    assert [each.name for each in layers] == ["a", "op00_Conv", "op02_Reshape"]
    assert layers[1].fused == ("op01_Relu",)
    assert layers[1].weights_sqnr_db == pytest.approx(20.0)
    assert layers[1].weights_steps == pytest.approx(1.0)
    assert layers[2].weights_sqnr_db is None
    assert layers[2].fused == ()


def test_two_branches_of_what_was_not_seen_both_reach_what_is_above() -> None:
    operators = [
        Operator("op00_Conv", "Conv", ("a",), ("b",)),
        Operator("op01_Relu", "Relu", ("b",), ("c",)),
        Operator("op02_Relu", "Relu", ("b",), ("d",)),
    ]
    layers = layer_results(operators, ["a"], {"a": seen(0.01), "c": seen(0.1), "d": seen(0.1)}, {})
    assert [each.drop_db > 10 for each in layers[1:]] == [True, True]


def test_weights_without_steps_have_none() -> None:
    assert weights_steps(Weights(np.ones(3), np.ones(3))) is None
    assert weights_sqnr_db(Weights(np.ones(3), np.ones(3))) == EXACT_DB


def of(x: np.ndarray, y: np.ndarray, within: Range | None = BYTE) -> LayerResult:
    found = Seen(axis=-1, range=within)
    found.see(x, y)
    return layer_results([], ["t"], {"t": found}, {})[0]


def test_a_channel_is_dead_that_is_0_where_the_twin_is_not() -> None:
    x = np.array([[0.5, 0.001, 0.0], [0.4, 0.002, 0.0]])
    y = np.array([[0.5, 0.0, 0.0], [0.4, 0.0, 0.0]])
    layer = of(x, y)
    assert (layer.channels, layer.dead_channels, layer.dead_in_float) == (3, 1, 1)


def test_a_value_is_saturated_at_an_end_where_the_twin_is_not() -> None:
    x = np.array([[1.0, 1.5, 0.2], [1.0, 0.3, 0.1]])
    y = np.clip(x, -1.0, 1.0)
    layer = of(x, y)
    assert layer.saturated_channels == 1
    assert layer.saturated == pytest.approx(1 / 6)


def test_an_end_at_0_saturates_nothing() -> None:
    layer = of(np.array([[0.2, -3.0]]), np.array([[0.2, 0.0]]), Range(0.0, 1.0, 1 / 255))
    assert layer.saturated_channels == 0
    assert layer.outside == 0.5


def test_coverage_is_the_share_beyond_the_range_and_how_far() -> None:
    layer = of(np.array([[0.5, 2.0, 1.003, -1.0]]), np.array([[0.5, 1.0, 1.0, -1.0]]))
    assert layer.outside == pytest.approx(0.25)  # 1.003 is within half a step
    assert layer.beyond == pytest.approx(0.5)


def test_a_float_tensor_has_no_range_to_be_outside_of() -> None:
    layer = of(np.ones((1, 2)), np.ones((1, 2)), None)
    assert (layer.integer, layer.outside, layer.beyond) == (False, None, None)


def test_spread_compares_the_widest_channel_with_the_median() -> None:
    x = np.array([[16.0, 1.0, -1.0, 1.0, 0.0]])
    assert of(x, x).spread == pytest.approx(16.0)
