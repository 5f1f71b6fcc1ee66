"""How far a cell can be trusted, with the figures that say so."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.measure.kernels import Kernels
from edgerig.measure.latency import MEDIAN_TOLERANCE, TOO_FEW
from edgerig.results import Contention, Delegation, MedianInterval, Verdict, VerdictLabel

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
    interval: MedianInterval | None,
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
    `noisy`: the median's 95 % interval (`interval`) is wider than ±2 % (`MEDIAN_TOLERANCE`), there were too few
    samples for one, or one process only, which leaves unknown how much processes differ.
    """
    evidence = {
        "tolerance": MEDIAN_TOLERANCE,
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
    threads: int,
    threads_in_force: int,
    delegation: Delegation,
    throttling: Sequence[str],
    interval: MedianInterval | None,
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
    return _of_samples(interval)


def _of_samples(interval: MedianInterval | None) -> tuple[VerdictLabel, str]:
    """Stable or noisy: how exactly the median is known."""
    quieter = "quiet the device, or raise run.repeats and run.min_seconds before ranking by it"
    if interval is None:
        return "noisy", f"too few samples to know the median by ({TOO_FEW}): {quieter}"
    if interval.processes == 1:
        return "noisy", (
            f"timed in one process, whose samples give its median to ±{interval.within:.2%}: what another one would "
            "give is not known, raise run.repeats before ranking by it"
        )
    over = f"over {interval.processes} processes"
    if interval.half_width > MEDIAN_TOLERANCE:
        return "noisy", f"the median {over} is known to ±{interval.half_width:.1%} only: {quieter}"
    return "stable", f"the median {over} is known to ±{interval.half_width:.2%}"


def _undelegated(delegation: Delegation) -> int | None:
    return None if delegation.total is None or delegation.delegated is None else delegation.total - delegation.delegated
