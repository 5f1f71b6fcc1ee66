"""How far a cell can be trusted, with the figures that say so."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgerig.measure.kernels import Kernels
from edgerig.measure.latency import MEDIAN_TOLERANCE, MedianInterval
from edgerig.results import Contention, Delegation, Verdict, VerdictLabel

SATURATES = (
    "this processor's 8-bit products saturate in ONNX Runtime's default (relative error 0.34 in place of 0.11 on "
    "EfficientNet-Lite0): set session.x64quantprecision to 1 in the application, as was done here, or ship "
    "int8-static-unsigned"
)


def judge(
    *,
    emulated: bool,
    threads: int,
    threads_in_force: int,
    delegation: Delegation,
    interval: MedianInterval,
    kernels: Kernels | None = None,
    throttling: Sequence[str] = (),
    saturates: bool = False,
    contention: Contention | None = None,
) -> Verdict:
    """The strongest thing to be said, in this order: wrong, emulated, contended, fallback, throttled, noisy, saturates,
    stable.

    `wrong`: on the same samples the same file gives something else on the device than where it was built (`kernels`),
    by more than kernels may differ: no figure of the cell counts.
    `contended`: other processes took the processor or worked beside it, it shows in the samples, and too few of them
    were left alone (`measure/contention.py`). Before `fallback`: that one's latency is its true one, this is not.
    `fallback`: operators were left off the fast backend, or another thread count is in force than was asked for.
    `throttled`: the device held its processor back while the cell ran (`throttling` says what tells so).
    `saturates`: ONNX Runtime's default computes this file's 8-bit products inexactly on this processor (`saturates`);
    it was measured with them exact.
    `noisy`: the median's 95 % interval is wider than ±2 % (`MEDIAN_TOLERANCE`), or there were too few samples for one.
    """
    width = interval.relative_half_width
    evidence = {
        "median_ci95_ms": [interval.low_ms, interval.high_ms] if interval.blocks else None,
        "relative_half_width": width if math.isfinite(width) else None,
        "tolerance": MEDIAN_TOLERANCE,
        "blocks": interval.blocks,
        "threads_asked": threads,
        "threads_in_force": threads_in_force,
        "undelegated_operators": _undelegated(delegation),
        "host_relative_error": None if kernels is None else kernels.error,
        "host_tolerance": None if kernels is None else kernels.tolerance,
        "host_samples": None if kernels is None else kernels.samples,
        "throttling": list(throttling),
        "saturates": saturates,
        "contention": None if contention is None else contention.found,
        "samples_counted": None if contention is None else contention.counted,
        "attempts": None if contention is None else contention.attempts,
    }
    if kernels is not None and kernels.wrong:
        advice = f"{kernels.wrong}: a kernel of this device computes something else, do not ship this build"
        return Verdict(label="wrong", evidence=evidence, advice=advice)
    if emulated:
        advice = (
            "the time of an emulator says nothing of the device: "
            "compare size, accuracy, parity and instructions, not latency"
        )
        return Verdict(label="emulated", evidence=evidence, advice=advice)
    if contention is not None and contention.contended:
        return Verdict(label="contended", evidence=evidence, advice=_contended(contention))
    label, advice = _of_latency(threads, threads_in_force, delegation, throttling, interval)
    if label == "stable" and saturates:
        return Verdict(label="saturates", evidence=evidence, advice=SATURATES)
    if contention is not None and contention.counted != "all":
        advice += f" (from the {contention.undisturbed:,} of {contention.measured:,} samples that nothing disturbed)"
    return Verdict(label=label, evidence=evidence, advice=advice)


def _contended(contention: Contention) -> str:
    left = f"{contention.undisturbed:,} of {contention.measured:,} samples were left alone"
    tried = f" in the best of {contention.attempts} attempts" if contention.attempts > 1 else ""
    return f"{contention.found}; {left}{tried}: let nothing else run on the device and measure again, do not rank by it"


def _of_latency(
    threads: int, threads_in_force: int, delegation: Delegation, throttling: Sequence[str], interval: MedianInterval
) -> tuple[VerdictLabel, str]:
    """What a real device's latency is worth, and the advice with it."""
    if threads_in_force != threads:
        asked = f"{threads} threads were asked for, {threads_in_force} are in force"
        return "fallback", f"{asked}: do not compare with other thread counts"
    left = _undelegated(delegation)
    if left:
        names = ", ".join(delegation.undelegated) or "unnamed"
        return "fallback", (
            f"{left} of {delegation.total} operators run outside the fast backend ({names}): "
            "this is the cost of the fallback, not of the recipe"
        )
    if throttling:
        seen = "; ".join(throttling)
        return "throttled", f"{seen}: cool the device, feed it better or rest it between cells, then measure again"
    width = interval.relative_half_width
    if width > MEDIAN_TOLERANCE:
        found = f"the median is known to ±{width:.1%} only" if interval.blocks else "too few samples for an interval"
        return "noisy", f"{found}: quiet the device or raise run.min_seconds before ranking by it"
    return "stable", f"the median is known to ±{width:.2%}"


def _undelegated(delegation: Delegation) -> int | None:
    return None if delegation.total is None or delegation.delegated is None else delegation.total - delegation.delegated
