"""Does the gate catch what it should, and leave alone what did not change?

    python benchmarks/gate.py [--trials 20] [--only local --only clock …]

Every trial is what a user does: `edgerig sweep` of a build, `edgerig gate NEW --baseline BASE` against the run before.

| trial | new run | the gate should |
|---|---|---|
| identical | the same build once more, on this machine | not fail |
| slower | three more layers, about 11 % slower, on this machine | fail or be inconclusive, never call it same |
| clock | the same build once more, the machine made slower for one of the two runs | not fail; mostly call it same |
| clock-slower | the 11 % slower build, across the same change | fail or be inconclusive, never call it same |
| calibration | int8-static calibrated on images too dark or bright | fail by accuracy, parity, or a build refused |
| operator | one more layer, about 2 % more instructions, emulated | fail by instructions |
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from gate_variants import BASE, MODEL, ONE_OPERATOR, SLOWER, Variant, miscalibrated, scale_run, write
from ratios import machine

from edgerig import process
from edgerig.errors import BuildError, EdgerigError, GateFailed, GateInconclusive

SWEEP_DEADLINE_S = 3600.0
LOCAL = 'formats = ["tflite", "executorch"]\nrecipes = ["fp32"]\ndevices = ["local"]\n[run]\nrepeats = 5\n'
INT8 = 'formats = ["tflite"]\nrecipes = ["int8-static"]\ndevices = ["local"]\n[run]\nrepeats = 1\nmin_seconds = 0.1\n'
EMULATED = 'formats = ["tflite", "executorch"]\nrecipes = ["int8-static"]\ndevices = ["qemu-rpi4"]\n[run]\nlimit = 50\n'
TOO_DARK, TOO_BRIGHT = (0.80, 0.95), (2.0, 4.0)
"""Brightness of the wrong calibration images: the ranges are clipped, or mostly unused."""


@dataclass(frozen=True)
class Trial:
    """One gate: its verdict, and what `edgerig compare` said of each cell."""

    verdict: dict[str, Any]
    cells: list[dict[str, Any]]
    machines: list[dict[str, Any]]

    def metric(self, name: str) -> list[dict[str, Any]]:
        return [metric for cell in self.cells for metric in cell["metrics"] if metric["metric"] == name]

    def failed_by(self) -> list[str]:
        return sorted({check["name"] for check in self.verdict["checks"] if check["outcome"] == "fail"})


class Workshop:
    """Sweeps and gates in a folder of their own. Raises EdgerigError when a command cannot be run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written: dict[str, Path] = {}

    def sweep(self, variant: Variant, settings: str, *, may_fail: bool = False) -> Path:
        """The folder of a new run of the variant."""
        if variant.name not in self._written:
            self._written[variant.name] = write(variant, self.folder)
        where = self._written[variant.name]
        (where / "sweep.toml").write_text(f'models = ["{MODEL}"]\n{settings}', encoding="utf-8")
        command = [sys.executable, "-m", "edgerig", "sweep", "sweep.toml", "--out", "runs"]
        done = process.run(command, timeout_s=SWEEP_DEADLINE_S, cwd=where)
        if done.returncode != 0 and not (may_fail and done.returncode == 1):
            raise BuildError(f"the sweep of {variant.name} failed:\n{done.stderr[-2000:].decode(errors='replace')}")
        return max(file.parent for file in (where / "runs").glob("*/run.json"))

    def gate(self, new: Path, base: Path) -> Trial:
        edgerig = [sys.executable, "-m", "edgerig"]
        done = process.run([*edgerig, "gate", str(new), "--baseline", str(base)], timeout_s=120)
        if done.returncode not in (0, GateFailed.exit_code, GateInconclusive.exit_code):
            raise BuildError(f"the gate ended with {done.returncode}: {done.stderr[-2000:].decode(errors='replace')}")
        verdict = json.loads((new / "verdict.json").read_text(encoding="utf-8"))
        told = process.run([*edgerig, "compare", str(base), str(new), "--json"], timeout_s=120)
        found = json.loads(told.stdout)
        return Trial(verdict, found["cells"], found["machines"])


def identical_and_slower(workshop: Workshop, trials: int) -> Iterator[tuple[str, Trial]]:
    """In turn, so that each pair of runs lies close together and the machine's moods fall on both kinds of trial."""
    workshop.sweep(SLOWER, LOCAL)  # builds, so that no trial is timed beside a hot compiler
    base = workshop.sweep(BASE, LOCAL)
    for _ in range(trials):
        slower = workshop.sweep(SLOWER, LOCAL)
        yield "slower", workshop.gate(slower, base)
        again = workshop.sweep(BASE, LOCAL)
        yield "identical", workshop.gate(again, base)
        base = again


class _Slowed:
    """A neighbour on every processor but the first for as long as a run takes: it takes a part of a shared core, of the
    last cache and of the power the clock may draw. Where that moves nothing, the trial is one of `identical`."""

    def __enter__(self) -> None:
        busy = "x = 1.0\nwhile True: x = x * 1.0000001"
        self._processes = [
            subprocess.Popen([sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {{{cpu}}})\n{busy}"])
            for cpu in sorted(os.sched_getaffinity(0))[1:]
        ]

    def __exit__(self, *_: object) -> None:
        for neighbour in self._processes:
            neighbour.kill()
            neighbour.wait()


def clock(workshop: Workshop, trials: int) -> Iterator[tuple[str, Trial]]:
    """Pairs of runs with another machine in each: in every other trial it is the base that had the neighbour."""
    workshop.sweep(SLOWER, LOCAL)
    for number in range(trials):
        with _Slowed() if number % 2 else contextlib.nullcontext():
            base = workshop.sweep(BASE, LOCAL)
        with contextlib.nullcontext() if number % 2 else _Slowed():
            again, slower = workshop.sweep(BASE, LOCAL), workshop.sweep(SLOWER, LOCAL)
        yield "clock", workshop.gate(again, base)
        yield "clock-slower", workshop.gate(slower, base)


def scaled(workshop: Workshop, trials: int) -> Iterator[tuple[str, Trial]]:
    """The same with a clock that is exactly known: of one run, every sample and control is scaled by 0.9 to 1.1, which
    is what a change of the clock does and nothing else on this machine can be made to do."""
    workshop.sweep(SLOWER, LOCAL)
    for number in range(trials):
        factor = 0.9 + 0.2 * number / max(1, trials - 1)
        base, again, slower = (workshop.sweep(variant, LOCAL) for variant in (BASE, BASE, SLOWER))
        for run_ in (again, slower):
            scale_run(run_, factor)
        yield "scaled", workshop.gate(again, base)
        yield "scaled-slower", workshop.gate(slower, base)


def calibration(workshop: Workshop, trials: int) -> Iterator[tuple[str, Trial]]:
    base = workshop.sweep(BASE, INT8)
    for number in range(trials):
        low, high = TOO_DARK if number % 2 else TOO_BRIGHT
        scale = low + (high - low) * number / max(1, trials - 1)
        yield "calibration", workshop.gate(workshop.sweep(miscalibrated(scale), INT8, may_fail=True), base)


def operator(workshop: Workshop, trials: int) -> Iterator[tuple[str, Trial]]:
    base = workshop.sweep(BASE, EMULATED)
    for _ in range(trials):
        yield "operator", workshop.gate(workshop.sweep(ONE_OPERATOR, EMULATED), base)


KINDS: dict[str, Callable[[Workshop, int], Iterator[tuple[str, Trial]]]] = {
    "local": identical_and_slower,
    "clock": clock,
    "scaled": scaled,
    "calibration": calibration,
    "operator": operator,
}


def kept(kind: str, trial: Trial) -> bool:
    """Did the gate do what it should?"""
    failed = trial.failed_by()
    if kind in ("identical", "clock", "scaled"):
        return not failed
    if kind in ("slower", "clock-slower", "scaled-slower"):
        return all(metric["label"] in ("regressed", "inconclusive") for metric in trial.metric("latency"))
    if kind == "calibration":
        return bool({"accuracy", "parity", "outcome"} & set(failed))
    return all(metric["label"] == "regressed" for metric in trial.metric("instructions")) and bool(failed)


def run(trials: int, kinds: Sequence[str], folder: Path) -> dict[str, list[Trial]]:
    workshop, found = Workshop(folder), dict[str, list[Trial]]()
    for name in kinds:
        for kind, trial in KINDS[name](workshop, trials):
            found.setdefault(kind, []).append(trial)
            by = ", ".join(trial.failed_by())
            print(f"{kind} {len(found[kind])}: {trial.verdict['outcome']}{f' by {by}' if by else ''}", file=sys.stderr)
    return found


def report(kind: str, trials: Sequence[Trial]) -> list[str]:
    """A line of outcomes, and one per metric that says how large the change was."""
    outcomes = Counter(trial.verdict["outcome"] for trial in trials)
    by = Counter(name for trial in trials for name in trial.failed_by())
    right = sum(kept(kind, trial) for trial in trials)
    lines = [
        f"{kind}: {right} of {len(trials)} as they should be; gate: "
        + ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        + (f"; failed by {', '.join(f'{name} {count}' for name, count in by.items())}" if by else "")
    ]
    shown = {"calibration": "parity", "operator": "instructions"}.get(kind, "latency")
    if shown == "latency":
        labels = Counter(metric["label"] for trial in trials for metric in trial.metric("latency"))
        compared = sum(labels.values()) or 1
        lines.append(f"  of {compared} latencies {labels['same'] / compared:.0%} same, {labels['regressed']} regressed")
        moved = [
            change["change"] for trial in trials for machine in trial.machines for change in machine["changes"][:1]
        ]
        if moved:
            lines.append(f"  the machine's clock changed by {100 * min(moved):+.1f} to {100 * max(moved):+.1f} %")
    cells = sorted({cell["id"] for trial in trials for cell in trial.cells})
    for name in cells:
        metrics = [m for t in trials for c in t.cells if c["id"] == name for m in c["metrics"] if m["metric"] == shown]
        effects = [metric["effect"] for metric in metrics if metric["effect"] is not None]
        if effects:
            labels = ", ".join(f"{count} {label}" for label, count in Counter(m["label"] for m in metrics).items())
            unit, scale = ("", 1.0) if shown == "parity" else (" %", 100.0)
            low, middle, high = (scale * each(effects) for each in (min, median, max))
            lines.append(f"  {name} {shown}: {labels}; change median {middle:+.3g}{unit} [{low:+.3g}, {high:+.3g}]")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="of each kind (default 20)")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*KINDS],
        help="local is identical and slower; clock, scaled: across a change of it",
    )
    arguments = parser.parse_args()
    if arguments.trials < 1:
        parser.error("--trials must be at least 1")
    try:
        with tempfile.TemporaryDirectory(prefix="edgerig-gate-") as temporary:
            print(machine(), flush=True)
            found = run(arguments.trials, arguments.only or list(KINDS), Path(temporary))
    except EdgerigError as error:
        print(f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)
    for kind, trials in found.items():
        print(*report(kind, trials), sep="\n")
    print(machine())
    if not all(kept(kind, trial) for kind, trials in found.items() for trial in trials):
        sys.exit(1)


if __name__ == "__main__":
    main()
