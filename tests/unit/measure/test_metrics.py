"""Each metric against a reference: a figure worked by hand, scikit-learn's, or a simulation of its interval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score, top_k_accuracy_score

from edgerig.measure.metrics import Evidence, area, measure, share
from edgerig.registry import load_object
from edgerig.spec import load_metrics

RNG = np.random.default_rng(7)


def evidence(output: npt.ArrayLike, targets: npt.ArrayLike, inputs: Sequence[npt.NDArray[Any]] = ()) -> Evidence:
    return Evidence([np.asarray(output, np.float32)], np.asarray(targets), list(inputs))


def test_top1_with_wilsons_interval() -> None:
    found = measure("top1", evidence(np.eye(10)[[0] * 100], [0] * 90 + [1] * 10))
    assert (found.metric, found.value, found.samples, found.unit) == ("top1", 0.9, 100, "fraction")
    # Wilson 1927 for 90 of 100, worked by hand: centre (0.9 + z²/200)/(1 + z²/100), z = 1.959964.
    assert found.ci95 == pytest.approx((0.82563, 0.94477), abs=1e-5)


def test_of_equal_scores_the_first_wins_as_with_argmax() -> None:
    assert measure("top1", evidence(np.zeros((4, 3)), [0, 1, 2, 0])).value == 0.5


def test_top5_is_scikit_learns() -> None:
    scores, labels = RNG.normal(size=(200, 12)), RNG.integers(0, 12, 200)
    expected = top_k_accuracy_score(labels, scores, k=5, labels=range(12))
    assert measure("top5", evidence(scores, labels)).value == pytest.approx(expected)


@pytest.mark.parametrize("columns", [1, 2])
def test_auc_is_scikit_learns(columns: int) -> None:
    labels = RNG.integers(0, 2, 300)
    scores = np.round(RNG.normal(size=300) + labels, 1)  # rounded: ties
    output = scores[:, None] if columns == 1 else np.stack([-scores / 2, scores / 2], axis=1)
    found = measure("auc", evidence(output, labels))
    assert found.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)
    assert found.ci95[0] < found.value < found.ci95[1]


def test_the_interval_of_an_area_covers_it_about_as_often_as_it_says() -> None:
    """Normal scores one standard deviation apart have the area Φ(1/√2) = 0.7602."""
    labels = np.array([1] * 30 + [0] * 50)
    intervals = [area(RNG.normal(size=80) + labels, labels)[1] for _ in range(400)]
    assert 0.92 <= np.mean([low <= 0.7602 <= high for low, high in intervals]) <= 0.98


def test_perfect_separation_is_not_certainty() -> None:
    value, (low, high) = area(np.arange(20.0), np.array([0] * 10 + [1] * 10))
    assert (value, high) == (1.0, 1.0)
    assert 0.6 < low < 0.95
    assert area(np.arange(20.0), np.array([1] * 10 + [0] * 10))[1][0] == 0.0


def test_reconstruction_auc_scores_by_the_mean_squared_error() -> None:
    inputs = RNG.normal(size=(100, 8)).astype(np.float32)
    labels = RNG.integers(0, 2, 100)
    noise = RNG.normal(size=inputs.shape) * np.where(labels, 1.5, 1.0)[:, None]
    found = measure("reconstruction_auc", evidence(inputs + noise, labels, [inputs]))
    expected = roc_auc_score(
        labels, ((inputs + noise).astype(np.float32) - inputs).astype(float).__pow__(2).mean(axis=1)
    )
    assert found.value == pytest.approx(expected)


def test_mse_psnr_and_sqnr_worked_by_hand() -> None:
    targets = np.array([[0.0, 1.0], [1.0, 0.0]])
    found = {name: measure(name, evidence(targets + 0.1, targets)) for name in ("mse", "psnr", "sqnr")}
    assert found["mse"].value == pytest.approx(0.01, rel=1e-5)
    assert not found["mse"].higher_is_better
    assert found["psnr"].value == pytest.approx(20.0, abs=1e-4)  # 10 log10(1² / 0.01)
    assert found["sqnr"].value == pytest.approx(10 * np.log10(2 / 0.04), abs=1e-4)
    assert found["sqnr"].unit == "dB"


@pytest.mark.parametrize("name", ["top1", "mse", "psnr", "sqnr"])
def test_one_sample_has_a_figure(name: str) -> None:
    found = measure(name, evidence([[0.1, 0.9]], [1] if name == "top1" else [[0.0, 1.0]]))
    assert found.value is not None
    assert (found.ci95 is None) == (name != "top1")


@pytest.mark.parametrize(("count", "of"), [(0, 1), (1, 1), (0, 40), (7, 40), (20, 40), (40, 40), (537, 540)])
def test_the_interval_of_a_share_is_scipys_wilson_interval(count: int, of: int) -> None:
    expected = stats.binomtest(count, of).proportion_ci(0.95, method="wilson")
    assert share(count, of)[1] == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_bootstrap_interval_of_a_mean_is_the_normal_one_for_many_samples() -> None:
    noise = RNG.normal(size=(400, 1))
    found = measure("mse", evidence(noise, np.zeros((400, 1))))
    half = 1.96 * (noise**2).std() / 20
    assert found.ci95 == pytest.approx((found.value - half, found.value + half), abs=0.03)
    assert found == measure("mse", evidence(noise, np.zeros((400, 1))))


def test_fewer_samples_give_a_wider_interval() -> None:
    scores, labels = np.eye(10)[RNG.integers(0, 10, 500)], RNG.integers(0, 10, 500)
    few, all_of_them = (measure("top1", evidence(scores[:n], labels[:n])) for n in (50, 500))
    assert (few.samples, all_of_them.samples) == (50, 500)
    assert few.ci95[1] - few.ci95[0] > 2 * (all_of_them.ci95[1] - all_of_them.ci95[0])


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("top1", Evidence([np.zeros((3, 2), np.float32)] * 2, np.zeros(3, int), []), "one output"),
        ("top1", evidence(np.zeros((2, 2)), [0, 1, 0]), "2 outputs for 3 labels"),
        ("top1", evidence(np.full((2, 2), np.nan), [0, 1]), "NaN"),
        ("top1", evidence(np.zeros((2, 2)), [0, 2]), "2 scores"),
        ("top5", evidence(np.zeros((2, 5)), [0, 1]), "always right"),
        ("auc", evidence(np.zeros((2, 1)), [1, 1]), "both labels"),
        ("auc", evidence(np.zeros((2, 3)), [0, 1]), "one or two scores"),
        ("reconstruction_auc", evidence(np.zeros((2, 3)), [0, 1]), "one input"),
        ("mse", evidence(np.zeros((2, 3)), np.zeros((2, 4))), "shape"),
        ("psnr", evidence(np.ones((2, 3)), np.ones((2, 3))), "infinite"),
        ("sqnr", evidence(np.ones((2, 3)), np.zeros((2, 3))), "infinite"),
    ],
)
def test_what_cannot_be_measured_is_none_with_a_reason(name: str, given: Evidence, said: str) -> None:
    found = measure(name, given)
    assert found.value is None
    assert found.ci95 is None
    assert said in found.reason
    assert found.unit == load_metrics()[name].unit


@pytest.mark.parametrize("name", load_metrics())
def test_a_row_names_code_and_labels(name: str) -> None:
    row = load_metrics()[name]
    assert callable(load_object(row.compute))
    assert row.labels
    assert not row.binary or row.labels == ("class",)
