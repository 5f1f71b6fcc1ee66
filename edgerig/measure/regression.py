"""Metrics of real values against the values wanted. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.measure.metrics import Evidence, Interval, Scores, Unmeasurable, array_of, bootstrap, mean

_COLUMNS = 4096
"""So many values of a sample are worked on at a time."""


def mae(evidence: Evidence) -> tuple[float, Interval]:
    """Mean absolute error over all values of all samples: Σ |output - target| / n."""
    outputs, targets = _flat(evidence)
    found = np.empty(len(outputs), np.float64)
    for place in range(len(outputs)):
        found[place] = np.abs(outputs[place].astype(np.float64) - targets[place]).mean()
    return mean(found)


def r2(evidence: Evidence) -> tuple[float, Interval]:
    """Coefficient of determination 1 - Σ (target - output)² / Σ (target - mean target)², the mean of those of each of a
    sample's values (scikit-learn's `r2_score`, "uniform_average"). A value whose target is always the same has 1 where
    it is met and 0 where not, as there."""
    outputs, targets = _flat(evidence)
    if len(outputs) < 2:
        raise Unmeasurable("R² needs two samples or more")

    def statistic(weights: Scores) -> Scores:
        total = np.zeros(len(weights))
        for start in range(0, outputs.shape[1], _COLUMNS):
            cut = slice(start, start + _COLUMNS)
            total = total + _determined(outputs[:, cut], targets[:, cut], weights).sum(axis=1)
        mean_of_all: Scores = total / outputs.shape[1]
        return mean_of_all

    return float(statistic(np.ones((1, len(outputs))))[0]), bootstrap(statistic, len(outputs))


def _determined(outputs: npt.NDArray[Any], targets: npt.NDArray[Any], weights: Scores) -> Scores:
    """R² of each column, (resamples, columns)."""
    wanted = targets.astype(np.float64)
    missed = weights @ (wanted - outputs) ** 2
    centred = wanted - wanted.mean(axis=0)  # the sums below would cancel otherwise
    spread = weights @ centred**2 - (weights @ centred) ** 2 / weights.sum(axis=1, keepdims=True)
    constant = spread <= 1e-12 * (weights @ centred**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Scores = np.where(constant, (missed == 0).astype(np.float64), 1 - missed / spread)
    return found


def _flat(evidence: Evidence) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Outputs and targets as (N, values)."""
    outputs, targets = array_of(evidence.outputs[0]), array_of(evidence.targets)
    found, wanted = (array.reshape(len(array), -1) for array in (outputs, targets))
    if found.shape != wanted.shape:
        raise Unmeasurable(f"outputs have shape {outputs.shape}, their targets {targets.shape}")
    return found, wanted
