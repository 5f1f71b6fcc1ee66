"""A network in numpy, equalized: it computes what it did, and its channels' ranges are alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerig.build.equalize.balance import ROUNDING, Proof, balanced, changed, notes, nothing, proof
from edgerig.build.equalize.layers import Layer
from edgerig.build.equalize.network import Chain, Found, Link

INPUTS, WIDTH, PIXELS, OUTPUTS = 3, 5, 2, 4


def link(before: str, after: str, labels: np.ndarray) -> Link:
    return Link(before, after, labels)


def network(seed: int, spread: float, biased: bool) -> dict[str, Layer]:
    """Rows → a layer, ReLU, one number a channel, leaky ReLU, flattened, a layer: channels of very unlike size."""
    rng = np.random.default_rng(seed)
    size = np.exp(rng.uniform(-spread, spread, WIDTH))

    def bias(count: int) -> np.ndarray | None:
        return rng.standard_normal(count) if biased else None

    return {
        "a": Layer(rng.standard_normal((1, WIDTH, INPUTS)) * size[:, None], bias(WIDTH)),
        "d": Layer(rng.standard_normal((WIDTH, 1, 1)), bias(WIDTH)),
        "b": Layer(rng.standard_normal((1, OUTPUTS, WIDTH * PIXELS)), bias(OUTPUTS)),
    }


def run(layers: dict[str, Layer], rows: np.ndarray) -> np.ndarray:
    """`rows` (N, PIXELS, INPUTS)."""

    def biased(values: np.ndarray, layer: Layer) -> np.ndarray:
        return values if layer.bias is None else values + layer.bias

    x = np.maximum(biased(rows @ layers["a"].weight[0].T, layers["a"]), 0)
    x = biased(x * layers["d"].weight[:, 0, 0], layers["d"])
    x = np.where(x < 0, 0.1 * x, x).reshape(len(rows), -1)
    return biased(x @ layers["b"].weight[0].T, layers["b"])


LABELS = np.tile(np.arange(WIDTH), PIXELS)
TRIPLE = Chain((link("a", "d", np.arange(WIDTH)), link("d", "b", LABELS)))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 8), st.booleans())
def test_the_network_computes_what_it_did(seed: int, spread: float, biased: bool) -> None:
    layers = network(seed, spread, biased)
    rows = np.random.default_rng(1).standard_normal((8, PIXELS, INPUTS))
    before, after = run(layers, rows), run(balanced(layers, [TRIPLE]), rows)
    assert np.linalg.norm(after - before) <= 1e-9 * np.linalg.norm(before)


@given(st.integers(0, 10_000), st.floats(0, 8))
def test_the_layers_of_a_chain_get_the_same_range_of_a_channel(seed: int, spread: float) -> None:
    made = balanced(network(seed, spread, biased=False), [TRIPLE])
    end = made["b"].input_ranges.reshape(PIXELS, WIDTH).max(axis=0)
    assert made["a"].output_ranges == pytest.approx(made["d"].output_ranges)
    assert made["a"].output_ranges == pytest.approx(end)


def test_chains_that_share_a_layer_settle() -> None:
    rng = np.random.default_rng(0)
    layers = {name: Layer(rng.standard_normal((1, 6, 6)) * np.exp(rng.uniform(-4, 4, 6))[:, None]) for name in "abc"}
    same = np.arange(6)
    made = balanced(layers, [Chain((link("a", "b", same),)), Chain((link("b", "c", same),))])
    assert made["a"].output_ranges == pytest.approx(made["b"].input_ranges, rel=1e-2)
    assert made["b"].output_ranges == pytest.approx(made["c"].input_ranges, rel=1e-2)


def test_a_pruned_channel_keeps_its_constant() -> None:
    layers = network(0, 1.0, biased=True)
    layers["a"].weight[0, 2] = 0.0
    made = balanced(layers, [TRIPLE])
    assert made["a"].bias is not None and layers["a"].bias is not None
    assert made["a"].bias[2] == layers["a"].bias[2]


def test_a_constant_beside_nearly_dead_weights_does_not_grow_beyond_the_others() -> None:
    layers = network(0, 0.0, biased=True)
    layers["a"].weight[0, 2] *= 1e-12
    made = balanced(layers, [TRIPLE])
    assert made["a"].bias is not None
    assert abs(made["a"].bias[2]) < 100 * np.median(np.abs(made["a"].bias))


def test_layers_outside_chains_are_left_out() -> None:
    assert set(balanced(network(0, 1.0, biased=True), [])) == set()


@pytest.mark.parametrize(
    ("after", "holds"),
    [([[1.0, 2.0]], True), ([[1.0, 2.0 + 1e-6]], True), ([[1.0, 2.1]], False), ([[1.0, np.nan]], False)],
)
def test_the_proof_takes_rounding_and_nothing_else(after: list[list[float]], holds: bool) -> None:
    assert proof([[np.array([[1.0, 2.0]])]], [[np.array(after)]]).holds is holds


def test_the_proof_compares_integers_and_what_is_nowhere_finite() -> None:
    assert proof([[np.array([[3]])]], [[np.array([[3]])]]).holds
    assert not proof([[np.array([[3]])]], [[np.array([[4]])]]).holds
    infinite = np.array([[np.inf, 1.0]])
    assert proof([[infinite]], [[infinite]]).holds
    assert not proof([[np.zeros((1, 2))]], [[np.ones((1, 2))]]).holds


def test_the_proof_is_of_all_samples_together_whatever_their_lengths() -> None:
    small, large, none = np.full((1, 2), 1e-3), np.full((3, 2), 1e3), np.zeros((0, 2))
    found = proof([[small], [large], [none]], [[small * 1.1], [large], [none]])
    assert found.holds
    assert found.samples == 3
    assert found.error == pytest.approx(1e-4 * np.sqrt(2) / np.sqrt(6e6), rel=1e-3)
    assert proof([[none]], [[none]]).error == 0.0


def test_an_output_of_another_length_is_another_output() -> None:
    assert proof([[np.ones((3, 2))]], [[np.ones((2, 2))]]).error == np.inf
    assert proof([[np.ones(3, np.int64)]], [[np.ones(2, np.int64)]]).error == np.inf


def test_notes_name_what_was_equalized_and_why_the_rest_was_not() -> None:
    found = Found((TRIPLE,), {"x": "RELU6 behind it is not positively homogeneous", "y": "Add comes between"})
    said = notes(found, Proof(1e-7, 16))
    assert said[0].startswith("equalized before quantizing (1): a → d → b; float outputs equal on 16 calibration")
    assert said[1:] == (
        "not equalized behind x: RELU6 behind it is not positively homogeneous",
        "not equalized behind y: Add comes between",
    )


def test_refusals_give_their_reasons() -> None:
    assert "Add comes between" in str(nothing("r", Found((), {"a": "Add comes between"})))
    assert "no layer with weights is followed by another" in str(nothing("r", Found(())))
    error = changed("r", Proof(0.5, 16))
    assert "0.5 on 16 calibration samples" in str(error)
    assert f"{ROUNDING:g}" in str(error)
