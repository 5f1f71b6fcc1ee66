"""A tensor's range from what calibration saw of it, by the method a recipe names (`spec.recipe_options`).

Values are looked at twice: their least and largest, and how they lie between those. All ranges hold zero, which every
integer grid has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.spec import CalibrationMethod, RecipeSpec

Values = npt.NDArray[Any]
BINS = 2048
"""Of a histogram, as torchao's HistogramObserver and ONNX Runtime's calibrators have."""
SHARES = np.linspace(0.01, 1.0, 100)
"""Of the whole range, which the methods that search try."""
PERCENTILE = 99.99
"""As ONNX Runtime's quantize_static has it."""
ROUNDS = 2
AVERAGING = 0.01
"""The share of the newest sample in a moving average (torchao's MovingAverageMinMaxObserver, ONNX Runtime's
MinMaxCalibrater: averaging_constant)."""
SEARCHING = ("percentile", "entropy", "mse")
"""Methods that need a histogram."""


@dataclass(frozen=True)
class Method:
    """`bits` of the integers; `percentile` in %."""

    name: CalibrationMethod
    percentile: float
    bits: int = 8

    @classmethod
    def of(cls, recipe: RecipeSpec, format_name: str, bits: int = 8) -> Method:
        return cls(recipe.method(format_name), recipe.options.percentile or PERCENTILE, bits)  # type: ignore[arg-type]

    @property
    def searches(self) -> bool:
        return self.name in SEARCHING


class Extremes:
    """A tensor's least and largest finite value over the samples, and their moving averages."""

    def __init__(self) -> None:
        self.least = self.largest = 0.0
        self.average: tuple[float, float] = (0.0, 0.0)
        self._begun = False

    def see(self, values: Values) -> None:
        """`values` of one sample, any shape, float."""
        kept = values if np.isfinite(values).all() else values[np.isfinite(values)]
        if not kept.size:
            return
        least, largest = float(kept.min()), float(kept.max())
        if not self._begun:
            self.least, self.largest, self.average, self._begun = least, largest, (least, largest), True
            return
        self.least, self.largest = min(self.least, least), max(self.largest, largest)
        low, high = self.average
        self.average = (low + AVERAGING * (least - low), high + AVERAGING * (largest - high))


class Histogram:
    """How a tensor's finite values lie between `least` and `largest`, in `BINS` equal bins."""

    def __init__(self, least: float, largest: float) -> None:
        self.least, self.largest = least, largest
        self.counts = np.zeros(BINS)

    def see(self, values: Values) -> None:
        if self.largest > self.least:
            kept = values[np.isfinite(values)]
            self.counts += np.histogram(kept, BINS, (self.least, self.largest))[0]

    def range(self, method: Method) -> tuple[float, float]:
        return searched(self.counts, self.least, self.largest, method)


def searched(counts: Values, least: float, largest: float, method: Method) -> tuple[float, float]:
    """The range by a method that searches: `counts` (B,) are the values' in equal bins from `least` to `largest`."""
    total = float(counts.sum())
    if total == 0.0 or not largest > least:
        return min(least, 0.0), max(largest, 0.0)
    edges = np.linspace(least, largest, len(counts) + 1)
    if method.name == "percentile":
        return _percentile(counts / total, edges, method.percentile)
    return _least_loss(counts / total, (edges[:-1] + edges[1:]) / 2, (least, largest), method)


def _least_loss(shares: Values, centres: Values, whole: tuple[float, float], method: Method) -> tuple[float, float]:
    """Either end is moved in turn, the other held: one far value must not cost the other side its range."""
    loss, levels = _divergence if method.name == "entropy" else _squared_error, 2**method.bits
    lows = sorted({min(whole[0] * float(share), 0.0) for share in SHARES})
    highs = sorted({max(whole[1] * float(share), 0.0) for share in SHARES})
    low, high = lows[0], highs[-1]
    for _ in range(ROUNDS):
        high = min(highs, key=lambda end: loss(shares, centres, low, end, levels))  # called at once
        low = min(lows, key=lambda end: loss(shares, centres, end, high, levels))
    return low, high


def _percentile(shares: Values, edges: Values, percentile: float) -> tuple[float, float]:
    """Half of what lies outside is cut on either side, as ONNX Runtime's HistogramCollector does."""
    cut = (100.0 - percentile) / 200.0
    below = np.cumsum(shares)
    low = edges[int(np.searchsorted(below, cut, side="right"))] if cut else edges[0]
    high = edges[min(int(np.searchsorted(below, 1.0 - cut)) + 1, len(edges) - 1)]
    return min(float(low), 0.0), max(float(high), 0.0)


def _levels(centres: Values, low: float, high: float, levels: int) -> tuple[Values, float]:
    """Each bin's integer from 0 on, and the step."""
    step = (high - low) / (levels - 1) or 1.0
    return np.clip(np.rint((centres - low) / step), 0, levels - 1), step


def _squared_error(shares: Values, centres: Values, low: float, high: float, levels: int) -> float:
    """The mean squared error of rounding and clipping."""
    integers, step = _levels(centres, low, high, levels)
    return float((shares * (low + integers * step - centres) ** 2).sum())


def _divergence(shares: Values, centres: Values, low: float, high: float, levels: int) -> float:
    """KL(P‖Q): P the values with those outside moved to the ends, Q what `levels` integers can tell of those inside
    (Migacz, "8-bit Inference with TensorRT", 2017). Each integer's share is spread evenly over its bins that hold
    any."""
    inside = (centres >= low) & (centres <= high)
    if not inside.any():
        return float("inf")
    kept, places = shares[inside], centres[inside]
    clipped = kept.copy()
    clipped[0] += shares[centres < low].sum()
    clipped[-1] += shares[centres > high].sum()
    integers = _levels(places, low, high, levels)[0].astype(np.int64)
    held = (clipped > 0).astype(np.float64)
    sums = np.bincount(integers, kept, levels)
    bins = np.bincount(integers, held, levels)
    spread = np.divide(sums, bins, out=np.zeros(levels), where=bins > 0)[integers] * held
    total = float(spread.sum())
    if total == 0.0:
        return float("inf")
    p, q = clipped / clipped.sum(), spread / total
    both = (p > 0) & (q > 0)
    lost = float(p[(p > 0) & (q == 0)].sum())
    return float((p[both] * np.log(p[both] / q[both])).sum()) + lost * float(np.log(len(kept) + 1))
