"""Layer by layer: how far a quantized network's values are from its float twin's. Pure; numpy alone.

The signal-to-quantization-noise ratio of a tensor is SQNR = 10 log10(Σx² / Σ(x - y)²) in dB, x the twin's values and y
the quantized network's, over all samples (Lin et al. 2016, arXiv:1511.06393; torch.ao.ns.fx.utils.compute_sqnr and
onnxruntime.quantization.qdq_loss_debug compute the same). 20 dB is a relative error of 0.1.

It accumulates: whatever follows a damaged layer is as far off. So a layer is judged by its **drop**, from its worst
input's SQNR to its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.measure.operator_kinds import kind_of
from edgerig.results.layers import EXACT_DB, LayerResult

Values = npt.NDArray[np.floating]
INPUT = "INPUT"
CEILING_DB = 6.02 * 8 + 1.76
"""What 8 bits hold of a signal that fills their range (Bennett 1948, "Spectra of quantized signals"): an input that is
better than that counts as no better, or the first integer layer of every network would drop most."""
THRESHOLD_DB = 20.0
"""A relative error of 0.1."""
AT_THE_END = 0.01
"""A channel is called saturated from this share of its values on."""


@dataclass(frozen=True)
class Operator:
    """An operator of the float twin: the tensors it reads that are no constants, and those it gives, by name."""

    name: str
    kind: str
    reads: tuple[str, ...]
    gives: tuple[str, ...]


@dataclass(frozen=True)
class Range:
    """What an integer tensor can hold: `least` to `largest`, `step` apart. For float32 there is none."""

    least: float
    largest: float
    step: float


@dataclass(frozen=True)
class Weights:
    """An operator's weights in the twin and, dequantized, in the quantized network; `steps` broadcasts against them."""

    float: Values
    quantized: Values
    steps: Values | None = None


@dataclass
class Seen:
    """What is kept of a tensor over the samples. `axis` is its channels'; per channel, float64 (C,)."""

    axis: int
    range: Range | None = None
    signal: float = 0.0
    noise: float = 0.0
    values: int = 0
    outside: int = 0
    clipped: float = 0.0
    low: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    high: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    alive: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    ends: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def see(self, twin: Values, quantized: Values) -> None:
        """One sample's values, of the same shape, batch axis and all. Values that are not finite in the twin (masks)
        are left out; one that is not in the quantized network alone is noise without end. Raises ValueError for shapes
        that differ, or channels that are more or fewer than the samples' before."""
        if twin.shape != quantized.shape:
            raise ValueError(f"shape {quantized.shape} for the twin's {twin.shape}")
        if not twin.size:
            return
        x, y = _by_channel(twin, self.axis), _by_channel(quantized, self.axis)
        if len(self.low) not in (0, len(x)):
            raise ValueError(f"{len(x)} channels, and {len(self.low)} in the samples before")
        if not np.isfinite(x).all():
            y, x = np.where(np.isfinite(x), y, 0.0), np.where(np.isfinite(x), x, 0.0)
        self._begin(len(x))
        self.signal += float((x * x).sum())
        self.noise += float(((x - y) ** 2).sum())
        self.values += x.size
        self.low, self.high = np.minimum(self.low, x.min(axis=1)), np.maximum(self.high, x.max(axis=1))
        self.alive |= (y != 0).any(axis=1)
        if self.range is not None:
            self._see_range(x, y, self.range)

    def _begin(self, channels: int) -> None:
        if not len(self.low):
            self.low, self.high = np.full(channels, np.inf), np.full(channels, -np.inf)
            self.alive, self.ends = np.zeros(channels, np.bool_), np.zeros(channels, np.int64)

    def _see_range(self, x: Values, y: Values, within: Range) -> None:
        slack = within.step / 2
        self.outside += int(((x < within.least - slack) | (x > within.largest + slack)).sum())
        self.clipped += float(((x - np.clip(x, within.least, within.largest)) ** 2).sum())
        for end in (within.least, within.largest):
            if abs(end) > slack:  # at 0 a ReLU is, no saturated value; where the twin is there too, nothing is lost
                self.ends += ((np.abs(y - end) < slack) & (np.abs(x - end) > slack)).sum(axis=1)

    @property
    def sqnr_db(self) -> float | None:
        return sqnr_db(self.signal, self.noise)

    @property
    def range_sqnr_db(self) -> float | None:
        """What the tensor's own integers leave of the twin's values: a step² / 12 of noise for each that is rounded
        (Bennett 1948), and what lies beyond their ends."""
        if self.range is None:
            return None
        return sqnr_db(self.signal, self.clipped + self.values * self.range.step**2 / 12)


def _by_channel(values: Values, axis: int) -> npt.NDArray[np.float64]:
    """(C, …) as float64; a tensor without that axis is one channel."""
    if not -values.ndim <= axis < values.ndim:
        return values.reshape(1, -1).astype(np.float64)
    return np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1).astype(np.float64)


def sqnr_db(signal: float, noise: float) -> float | None:
    """Of the sums of squares of signal and noise; ±EXACT_DB at most, the least where the noise is not finite,
    None where both are 0 or the signal is not finite."""
    if not math.isfinite(signal):
        return None
    if not math.isfinite(noise):
        return -EXACT_DB
    if signal <= 0:
        return None if noise <= 0 else -EXACT_DB
    if noise <= 0:
        return EXACT_DB
    ratio = 10 * (math.log10(signal) - math.log10(noise))
    return float(np.clip(ratio, -EXACT_DB, EXACT_DB))


def weights_sqnr_db(weights: Weights) -> float | None:
    x, y = weights.float.astype(np.float64), weights.quantized.astype(np.float64)
    return sqnr_db(float((x * x).sum()), float(((x - y) ** 2).sum()))


def weights_steps(weights: Weights) -> float | None:
    """The largest distance of a weight from the twin's in steps of its scale, which rounding keeps to 0.5."""
    if weights.steps is None or not weights.float.size:
        return None
    away = np.abs(weights.float.astype(np.float64) - weights.quantized)
    most = float(np.divide(away, weights.steps, out=np.zeros_like(away), where=weights.steps > 0).max())
    return most if math.isfinite(most) else None


def layer_results(
    operators: Sequence[Operator],
    inputs: Iterable[str],
    seen: Mapping[str, Seen],
    weights: Mapping[str, Weights],
) -> tuple[LayerResult, ...]:
    """A row for each input and each operator whose values were `seen`, in the order they run; `weights` by operator.

    An operator that was not seen is computed with the one behind it, as a convolution with its ReLU: the row is named
    after the one of them that has weights, else after the last.
    """
    fed = [name for name in inputs if name in seen]
    rows = [_input_row(depth, name, seen[name]) for depth, name in enumerate(fed)]
    makers = {name: row.name for name, row in zip(fed, rows, strict=True)}
    above: dict[str, _Above] = {}
    for operator in operators:
        read = [above.get(name, _Above(frozenset((name,)), ())) for name in operator.reads]
        sources = frozenset[str]().union(*(each.tensors for each in read))
        group = (*dict.fromkeys(each for one in read for each in one.fused), operator)
        given = [name for name in operator.gives if name in seen]
        if not given:
            above |= {name: _Above(sources, group) for name in operator.gives}
            continue
        known = sorted(name for name in sources if name in seen)
        row = _row(len(rows), group, given, seen, [seen[name].sqnr_db for name in known], weights)
        reads = dict.fromkeys(makers[name] for name in known if name in makers)
        rows.append(row.model_copy(update={"reads": tuple(reads)}))
        makers |= dict.fromkeys(given, row.name)
        above |= {name: _Above(frozenset((name,)), ()) for name in operator.gives}
    return tuple(rows)


@dataclass(frozen=True)
class _Above:
    """What a tensor that was not seen comes from: the nearest tensors above it, and the operators between."""

    tensors: frozenset[str]
    fused: tuple[Operator, ...]


def _input_row(depth: int, name: str, seen: Seen) -> LayerResult:
    """What is fed is exact, so that it drops from what 8 bits can be: where its range is another than calibration's."""
    drop = _drop([EXACT_DB], seen.sqnr_db)
    return LayerResult(
        depth=depth, name=name[:300], operator=INPUT, kind="other", label=name[:500], drop_db=drop, **_of_tensor(seen)
    )


def _row(
    depth: int,
    group: tuple[Operator, ...],
    given: Sequence[str],
    seen: Mapping[str, Seen],
    before: Sequence[float | None],
    weights: Mapping[str, Weights],
) -> LayerResult:
    weighted = [operator for operator in group if operator.name in weights]
    named = weighted[-1] if weighted else group[-1]
    worst = min(given, key=lambda name: _or_exact(seen[name].sqnr_db))
    own = weights.get(named.name)
    return LayerResult(
        depth=depth,
        name=named.name,
        operator=named.kind,
        kind=kind_of(named.kind),
        label=worst[-500:],
        fused=tuple(operator.name for operator in group if operator is not named),
        drop_db=_drop(before, seen[worst].sqnr_db),
        weights_sqnr_db=None if own is None else weights_sqnr_db(own),
        weights_steps=None if own is None else weights_steps(own),
        **_of_tensor(seen[worst]),
    )


def _or_exact(sqnr: float | None) -> float:
    return EXACT_DB if sqnr is None else sqnr


def _drop(before: Sequence[float | None], own: float | None) -> float | None:
    known = [sqnr for sqnr in before if sqnr is not None]
    if own is None or not known:
        return None
    return min(*known, CEILING_DB) - min(own, CEILING_DB)


def _of_tensor(seen: Seen) -> dict[str, Any]:
    """The fields of a row that are of its tensor."""
    dead_in_float = (seen.low == 0) & (seen.high == 0)
    many = seen.ends > AT_THE_END * max(seen.values // max(len(seen.low), 1), 1)
    outside, beyond = _coverage(seen)
    return {
        "sqnr_db": seen.sqnr_db,
        "range_sqnr_db": seen.range_sqnr_db,
        "integer": seen.range is not None,
        "channels": len(seen.low),
        "dead_channels": int((~seen.alive & ~dead_in_float).sum()),
        "dead_in_float": int(dead_in_float.sum()),
        "saturated_channels": int(many.sum()),
        "saturated": float(seen.ends.sum()) / seen.values if seen.values else 0.0,
        "outside": outside,
        "beyond": beyond,
        "spread": _spread(seen),
    }


def _coverage(seen: Seen) -> tuple[float | None, float | None]:
    """The share of the twin's values beyond the calibrated range, and how far the furthest is, in its widths."""
    if seen.range is None or not seen.values:
        return None, None
    width = seen.range.largest - seen.range.least
    far = max(float(seen.high.max()) - seen.range.largest, seen.range.least - float(seen.low.min()), 0.0)
    return seen.outside / seen.values, far / width if width > 0 else None


def _spread(seen: Seen) -> float | None:
    """Largest over median range of the channels that are not constant: one scale for all of them leaves the median one
    so many times fewer steps (Nagel et al. 2019, arXiv:1906.04721, section 3.1)."""
    widths = np.maximum(seen.high, 0.0) - np.minimum(seen.low, 0.0)
    widths = widths[np.isfinite(widths) & (widths > 0)]
    return float(widths.max() / np.median(widths)) if len(widths) > 1 else None
