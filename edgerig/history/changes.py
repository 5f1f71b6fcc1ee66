"""When a series changed its level. Pure.

Noisy figures: E-divisive (Matteson and James, J. American Statistical Association 109(505), 2014), as MongoDB runs it
over its performance tests (Daly et al., ICPE 2020): split where the energy distance between both sides is largest,
keep the split when a permutation test finds it significant, go on in both halves. It assumes no distribution, and few
points cannot trick it: with five and five, or three after ten, a change can just be significant; below that nothing is.
Three rules keep it from crying wolf besides: each side holds at least `SHORTEST` points, so one odd run is never a
change; the medians of both sides differ by the metric's minimum; and they differ by `SPREADS` times the runs' own
spread, because the test takes runs to be independent, and machines that are slow for a week are not.

Exact figures (bytes, instructions, accuracy over the same samples) repeat; there a new level is a change at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

SHORTEST = 3
SIGNIFICANCE = 0.01
PERMUTATIONS = 1999
SPREADS = 3.0
_MAD_TO_SIGMA = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""
LONGEST = 150
"""Points looked at, newest last: a permutation costs their square."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """The level changed at point `index`: medians before and after, `ratio` = after / before (inf from 0).

    `p` is the permutation test's, None for an exact figure.
    """

    index: int
    before: float
    after: float
    ratio: float
    p: float | None


def find(values: Sequence[float], *, exact: bool, minimum: float) -> list[Step]:
    """The changes of a series in time order. `minimum` is the smallest relative change to tell."""
    offset = max(0, len(values) - LONGEST)
    series = np.asarray(values[offset:], dtype=np.float64)
    found = _exact(series, minimum) if exact else _significant(series, minimum)
    edges = [0, *(index for index, _ in found), len(series)]
    medians = [float(np.median(series[a:b])) for a, b in pairwise(edges) if b > a]
    return [
        Step(offset + index, before, after, after / before if before else np.inf, p)
        for (index, p), (before, after) in zip(found, pairwise(medians), strict=True)
    ]


def _far(a: float, b: float, minimum: float) -> bool:
    return abs(a - b) >= minimum * max(abs(a), abs(b)) and a != b


def _exact(series: Floats, minimum: float) -> list[tuple[int, float | None]]:
    """Where a value leaves the level (the median since the last change) by the minimum."""
    found: list[tuple[int, float | None]] = []
    start = 0
    for index in range(1, len(series)):
        if _far(float(np.median(series[start:index])), float(series[index]), minimum):
            found.append((index, None))
            start = index
    return found


def _significant(series: Floats, minimum: float) -> list[tuple[int, float | None]]:
    """E-divisive by bisection; splits whose sides turn out alike once all are known are taken back."""
    found: dict[int, float] = {}
    pending = [(0, len(series))]
    while pending:
        start, end = pending.pop()
        part = series[start:end]
        split = _split(part)
        # The runs' own spread is known only when every level is: a side may still hold several.
        if split is None or not _far(float(np.median(part[:split])), float(np.median(part[split:])), minimum):
            continue
        p = _p_value(part)
        if p <= SIGNIFICANCE:
            found[start + split] = p
            pending += [(start, start + split), (start + split, end)]
    kept = sorted(found)
    for index in list(kept):
        edges = [0, *kept, len(series)]
        at = edges.index(index)
        left, right = series[edges[at - 1] : index], series[index : edges[at + 1]]
        if not _apart(left, right, minimum):
            kept.remove(index)
    return [(index, found[index]) for index in kept]


def _apart(left: Floats, right: Floats, minimum: float) -> bool:
    """Whether two levels are far enough from each other, by the minimum and by what runs of one level differ."""
    before, after = float(np.median(left)), float(np.median(right))
    residuals = np.concatenate([left - before, right - after])
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(residuals)))
    return _far(before, after, minimum) and abs(after - before) >= SPREADS * spread


def _split(part: Floats) -> int | None:
    """The split with the largest energy distance, at least `SHORTEST` points from either end; None when too short."""
    if len(part) < 2 * SHORTEST:
        return None
    return SHORTEST + int(np.argmax(_energies(_distances(part))))


def _p_value(part: Floats) -> float:
    """How often chance orders these points into an energy as large: (1 + as large) / (1 + permutations)."""
    distances = _distances(part)
    observed = float(np.max(_energies(distances)))
    random = np.random.default_rng(0)
    as_large = 0
    for _ in range(PERMUTATIONS):
        order = random.permutation(len(part))
        # The same sums in another order differ in the last digits; alike counts as large.
        as_large += float(np.max(_energies(distances[np.ix_(order, order)]))) >= observed * (1 - 1e-9)
    return (1 + as_large) / (1 + PERMUTATIONS)


def _distances(part: Floats) -> Floats:
    return np.abs(part[:, None] - part[None, :])


def _energies(distances: Floats) -> Floats:
    """The scaled energy distance mn/(m+n) · (2·E|X−Y| − E|X−X'| − E|Y−Y'|) of every allowed split, V-statistics.

    `distances` (n, n) are |a − b|; the result's element i belongs to a split after `SHORTEST + i` points.
    """
    n = len(distances)
    inside = np.cumsum(np.cumsum(distances, axis=0), axis=1).diagonal()  # inside[k-1] = sum over the first k by k
    rows = np.cumsum(distances.sum(axis=1))  # rows[k-1] = sum over the first k rows
    left = np.arange(SHORTEST, n - SHORTEST + 1)
    right = n - left
    within = inside[left - 1]
    across = rows[left - 1] - within
    beyond = rows[-1] - within - 2 * across
    energy: Floats = left * right / n * (2 * across / (left * right) - within / left**2 - beyond / right**2)
    return energy
