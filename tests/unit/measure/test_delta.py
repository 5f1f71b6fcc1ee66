"""The accuracy lost on the same samples, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edgerig.measure.delta import paired_interval, with_delta
from edgerig.results import Accuracy


def scores(classes: list[int]) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[classes]


def delta(outputs: list[int], fp32: list[int] | None, labels: list[int], **accuracy: object) -> Accuracy:
    found = Accuracy.model_validate({"metric": "top1", "value": 0.5, "samples": len(outputs), **accuracy})
    theirs = None if fp32 is None else [scores(fp32)]
    return with_delta(found, [scores(outputs)], theirs, np.array(labels), "it did not run")


def test_the_difference_is_of_the_shares_that_are_right() -> None:
    found = delta([0, 1, 0, 1], [0, 1, 2, 1], [0, 1, 2, 0])
    assert found.delta == pytest.approx(-0.25)
    assert found.delta_ci95 is not None
    low, high = found.delta_ci95
    assert low < -0.25 < high
    assert (found.value, found.delta_reason) == (0.5, "")


def test_labels_beyond_a_limited_run_do_not_count() -> None:
    assert delta([0, 1], [0, 0], [0, 1, 2, 2]).delta == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"fp32": None}, "it did not run"),
        ({"fp32": [0]}, "(2, 3)"),
        ({"metric": "mse"}, "mse is not counted by sample"),
        ({"value": None}, "no top-1 accuracy"),
    ],
)
def test_what_cannot_be_paired_says_why(given: dict[str, object], reason: str) -> None:
    found = delta(**{"outputs": [0, 1], "fp32": [0, 1], "labels": [0, 1], **given})  # type: ignore[arg-type]
    assert found.delta is None
    assert reason in found.delta_reason


def test_the_interval_is_bonetts_and_prices() -> None:
    # By hand: n = 100, 12 and 4 discordant: p = 13/102, 5/102; centre 0.078431, half 1.959964 * sqrt(0.170319 / 102).
    low, high = paired_interval(12, 4, 100)
    assert (low, high) == pytest.approx((-0.001659, 0.158522), abs=1e-6)


@pytest.mark.parametrize("lost", [0.001, 0.004, 0.01, 0.02, 0.1])
@pytest.mark.parametrize("gained", [0.0, 0.002, 0.05])
def test_the_interval_holds_the_truth_where_quantization_loses_and_hardly_gains(lost: float, gained: float) -> None:
    """By the exact distribution of both counts among 540 samples, where Agresti and Min's goes down to 88.5 %."""
    samples, covered = 540, 0.0
    for plus in range(60):
        for minus in range(110):
            low, high = paired_interval(plus, minus, samples)
            if low <= gained - lost <= high:
                covered += stats.binom.pmf(plus, samples, gained) * stats.binom.pmf(
                    minus, samples - plus, lost / (1 - gained)
                )
    assert covered > 0.944


def test_the_interval_covers_the_truth_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(0)
    gained, lost, samples = 0.03, 0.05, 540
    inside = 0
    for _ in range(2000):
        plus, minus, _same = random.multinomial(samples, [gained, lost, 1 - gained - lost])
        low, high = paired_interval(int(plus), int(minus), samples)
        inside += low <= gained - lost <= high
    assert 0.93 <= inside / 2000 <= 0.97
