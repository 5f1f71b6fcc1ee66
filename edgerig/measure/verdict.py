"""How far a cell can be trusted, with the figures that say so."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgerig.measure.latency import MEDIAN_TOLERANCE, MedianInterval
from edgerig.results import CheckRecord, Delegation, Verdict


def judge(
    *,
    emulated: bool,
    threads: int,
    threads_in_force: int,
    delegation: Delegation,
    interval: MedianInterval,
    relative_error: float | None = None,
    check: CheckRecord | None = None,
    throttling: Sequence[str] = (),
) -> Verdict:
    """The strongest thing to be said, in this order: wrong, emulated, fallback, throttled, noisy, stable.

    `wrong`: on the device the outputs are further from the source's than the recipe allows, which the same file was not
    when it was built (`check`): a kernel of the device computes something else, and no figure of the cell counts.
    `fallback`: operators were left off the fast backend, or another thread count is in force than was asked for.
    `throttled`: the device held its processor back while the cell ran (`throttling` says what tells so).
    `noisy`: the median's 95 % interval is wider than ±2 % (`MEDIAN_TOLERANCE`), or there were too few samples for one.
    """
    left = None if delegation.total is None or delegation.delegated is None else delegation.total - delegation.delegated
    width = interval.relative_half_width
    evidence = {
        "median_ci95_ms": [interval.low_ms, interval.high_ms] if interval.blocks else None,
        "relative_half_width": width if math.isfinite(width) else None,
        "tolerance": MEDIAN_TOLERANCE,
        "blocks": interval.blocks,
        "threads_asked": threads,
        "threads_in_force": threads_in_force,
        "undelegated_operators": left,
        "relative_error": relative_error,
        "relative_error_bound": None if check is None else check.bound,
        "throttling": list(throttling),
    }
    if relative_error is not None and check is not None and relative_error > check.bound:
        return Verdict(
            label="wrong",
            evidence=evidence,
            advice=(
                f"relative error {relative_error:.3g} on the device, {check.relative_error:.3g} when it was built, "
                f"{check.bound:g} allowed: a kernel of this device computes something else, do not ship this build"
            ),
        )
    if emulated:
        return Verdict(
            label="emulated",
            evidence=evidence,
            advice=(
                "the time of an emulator says nothing of the device: "
                "compare size, accuracy, parity and instructions, not latency"
            ),
        )
    if threads_in_force != threads:
        return Verdict(
            label="fallback",
            evidence=evidence,
            advice=(
                f"{threads} threads were asked for, {threads_in_force} are in force: "
                "do not compare with other thread counts"
            ),
        )
    if left:
        names = ", ".join(delegation.undelegated) or "unnamed"
        return Verdict(
            label="fallback",
            evidence=evidence,
            advice=(
                f"{left} of {delegation.total} operators run outside the fast backend ({names}): "
                "this is the cost of the fallback, not of the recipe"
            ),
        )
    if throttling:
        return Verdict(
            label="throttled",
            evidence=evidence,
            advice=(
                f"{'; '.join(throttling)}: cool the device, feed it better or rest it between cells, then measure again"
            ),
        )
    if width > MEDIAN_TOLERANCE:
        found = f"the median is known to ±{width:.1%} only" if interval.blocks else "too few samples for an interval"
        return Verdict(
            label="noisy",
            evidence=evidence,
            advice=(f"{found}: quiet the device or raise run.min_seconds before ranking by it"),
        )
    return Verdict(label="stable", evidence=evidence, advice=f"the median is known to ±{width:.2%}")
