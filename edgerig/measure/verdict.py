"""How far a cell can be trusted, with the figures that say so. What follows from a label: `figures/verdict.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgerig.figures.verdict import NOISY
from edgerig.measure.affinity import not_in_force
from edgerig.measure.kernels import Kernels
from edgerig.measure.latency import MEDIAN_TOLERANCE, TOO_FEW
from edgerig.results import Affinity, Contention, Delegation, MedianInterval, Verdict, VerdictEvidence

SATURATES = (
    "this processor's 8-bit products saturate in ONNX Runtime's default (relative error 0.34 in place of 0.11 on "
    "EfficientNet-Lite0): set session.x64quantprecision to 1 in the application, as was done here, or ship "
    "int8-static-unsigned"
)
EMULATED = (
    "the time of an emulator says nothing of the device: compare size, accuracy, parity and instructions, not latency"
)

ENOUGH_SECONDS = 1.0
"""Of the timed loops together: two thirds of what a cell is timed for by default."""


@dataclass(frozen=True)
class Seen:
    """What a verdict is made of. `throttling`, `drift` and `contention.found` say what tells so; `threads` were asked
    for, `seconds` is what all samples took together.

    `saturates`: ONNX Runtime's default computes this file's 8-bit products inexactly on this processor; it was measured
    with them exact.
    """

    emulated: bool
    threads: int
    threads_in_force: int
    delegation: Delegation
    interval: MedianInterval | None
    kernels: Kernels | None = None
    throttling: Sequence[str] = ()
    saturates: bool = False
    contention: Contention | None = None
    affinity: Affinity | None = None
    drift: Sequence[str] = ()
    seconds: float | None = None

    @property
    def at_work(self) -> int:
        """How many threads work at once: no more than the runtime started, nor than the processors they may use."""
        at_once = None if self.affinity is None else self.affinity.at_once
        return self.threads_in_force if at_once is None else min(self.threads_in_force, at_once)


def judge(seen: Seen) -> Verdict:
    """The strongest thing to be said: the first of `FINDINGS` that has anything to say. What else an application has to
    know of the file on this device (`CAUTIONS`) is said behind it, and behind one of those that the median is noisy."""
    found = {label: advice for label, says in FINDINGS.items() if (advice := says(seen))}
    label = next(iter(found))
    others = () if label in ALONE else (*CAUTIONS, NOISY) if label in CAUTIONS else CAUTIONS
    beside = [found[other] for other in others if other in found and other != label]
    counted = "" if label in {*ALONE, "contended"} else _counted(seen)
    return Verdict(label=label, evidence=_evidence(seen), advice="; besides, ".join([found[label], *beside]) + counted)


def _evidence(seen: Seen) -> VerdictEvidence:
    kernels, contention = seen.kernels, seen.contention
    return VerdictEvidence(
        tolerance=MEDIAN_TOLERANCE,
        threads_asked=seen.threads,
        threads_in_force=seen.at_work,
        undelegated_operators=_undelegated(seen.delegation),
        host_relative_error=None if kernels is None else kernels.error,
        host_tolerance=None if kernels is None else kernels.tolerance,
        host_samples=None if kernels is None else kernels.samples,
        throttling=tuple(seen.throttling),
        drift=tuple(seen.drift),
        saturates=seen.saturates,
        contention=None if contention is None else contention.found,
        samples_counted=None if contention is None else contention.counted,
        attempts=None if contention is None else contention.attempts,
    )


def _wrong(seen: Seen) -> str:
    """On the same samples the same file gives something else on the device than where it was built, by more than
    kernels may differ: no figure of the cell counts."""
    wrong = "" if seen.kernels is None else seen.kernels.wrong
    return wrong and f"{wrong}: a kernel of this device computes something else, do not ship this build"


def _emulated(seen: Seen) -> str:
    return EMULATED if seen.emulated else ""


def _contended(seen: Seen) -> str:
    """Other processes took the processor or worked beside it, it shows in the samples, and too few of them were left
    alone (`measure/contention.py`). Threads that are more than can run at once wait for each other: that is
    `fallback`'s to say."""
    contention = seen.contention
    if contention is None or not contention.contended or seen.at_work < seen.threads:
        return ""
    left = f"{contention.undisturbed:,} of {contention.measured:,} samples were left alone"
    tried = f" in the best of {contention.attempts} attempts" if contention.attempts > 1 else ""
    return f"{contention.found}; {left}{tried}: let nothing else run on the device and measure again, do not rank by it"


def _fallback(seen: Seen) -> str:
    """Operators were left off the fast backend, or another thread count is in force than was asked for."""
    if seen.threads_in_force != seen.threads:
        asked = f"{seen.threads} threads were asked for, {seen.threads_in_force} are in force"
        return f"{asked}: do not compare with other thread counts"
    if lacking := not_in_force(seen.affinity, seen.threads):
        return f"{lacking}: do not compare with cells that had what they asked for"
    left = _undelegated(seen.delegation)
    if seen.delegation.delegated == 0 and left is None:
        off = "the fast backend is off: all operators run outside it"
        return f"{off}, this is the cost of the fallback, not of the recipe"
    if not left:
        return ""
    names = ", ".join(seen.delegation.undelegated) or "unnamed"
    return (
        f"{left} of {seen.delegation.total} operators run outside the fast backend ({names}): "
        "this is the cost of the fallback, not of the recipe"
    )


def _throttled(seen: Seen) -> str:
    """The device held its processor back while the cell ran."""
    found = "; ".join(seen.throttling)
    remedy = "cool the device, feed it better or rest it between cells, then measure again"
    return found and f"{found}: {remedy}"


def _drifting(seen: Seen) -> str:
    """What was timed changed in one direction meanwhile (`measure/drift.py`)."""
    found = "; ".join(seen.drift)
    remedy = "let the device come to rest, raise run.warmup_runs, or hold its clock (conditions), then measure again"
    return found and f"{found}: {remedy}"


def _too_short(seen: Seen) -> str:
    """Neither enough samples for an interval nor enough time; a slow file has few samples for all its time, and is
    `noisy`."""
    if seen.interval is not None or seen.seconds is None or seen.seconds >= ENOUGH_SECONDS:
        return ""
    return (
        f"timed for {seen.seconds:.2g} s in all, with {TOO_FEW}: neither enough samples nor time to know the median "
        "by, raise run.min_seconds or run.max_seconds"
    )


def _noisy(seen: Seen) -> str:
    """The median's 95 % interval is wider than ±2 % (`MEDIAN_TOLERANCE`), there were too few samples for one, or one
    process only, which leaves unknown how much processes differ."""
    interval = seen.interval
    quieter = "quiet the device, or raise run.repeats and run.min_seconds before ranking by it"
    if interval is None:
        return f"too few samples to know the median by ({TOO_FEW}): {quieter}"
    if interval.processes == 1:
        return (
            f"timed in one process, whose samples give its median to ±{interval.within:.2%}: what another one would "
            "give is not known, raise run.repeats before ranking by it"
        )
    if interval.half_width <= MEDIAN_TOLERANCE:
        return ""
    over = f"the median over {interval.processes} processes"
    return f"{over} is known to ±{interval.half_width:.1%} only: {quieter}"


def _saturates(seen: Seen) -> str:
    return SATURATES if seen.saturates else ""


def _stable(seen: Seen) -> str:
    interval = seen.interval
    if interval is None or interval.half_width > MEDIAN_TOLERANCE:
        return ""
    return f"the median over {interval.processes} processes is known to ±{interval.half_width:.2%}"


FINDINGS: dict[str, Callable[[Seen], str]] = {
    "wrong": _wrong,
    "emulated": _emulated,
    "contended": _contended,
    "throttled": _throttled,
    "drifting": _drifting,
    "too-short": _too_short,
    "fallback": _fallback,
    NOISY: _noisy,
    "saturates": _saturates,
    "stable": _stable,
}
"""Label → what there is to say for it, with the advice; "" where it does not hold. The strongest first, and the last of
them holds wherever `noisy` does not. What makes a median that of no level stands before `fallback`, whose median is the
file's own."""
ALONE = ("wrong", "emulated")
"""Beside these nothing else counts."""
CAUTIONS = ("fallback", "saturates")
"""What is so of the file on this device however well it was timed."""


def _counted(seen: Seen) -> str:
    """What is added where not all samples count."""
    contention = seen.contention
    if contention is None or contention.counted == "all":
        return ""
    return f" (from the {contention.undisturbed:,} of {contention.measured:,} samples that nothing disturbed)"


def _undelegated(delegation: Delegation) -> int | None:
    return None if delegation.total is None or delegation.delegated is None else delegation.total - delegation.delegated
