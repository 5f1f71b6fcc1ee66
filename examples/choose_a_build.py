"""Which build of digits_cnn should ship from this machine, and is it still as good as in an earlier run?

    python examples/choose_a_build.py OUT [EARLIER]

sweeps the network's ONNX builds on this machine, below the folder OUT, and says which to ship and why. With the folder
of an EARLIER run it says what changed since, and holds the new run to it and to a budget. Exit codes: 0 there is a
build to ship and nothing got worse, 1 else, 2 edgerig could not do it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import edgerig


def main(out: Path, earlier: Path | None) -> int:
    plan = edgerig.plan(
        edgerig.SweepSpec(
            models=("digits_cnn",),
            formats=("onnx",),
            recipes=("fp32", "int8-dynamic"),
            devices=("local",),
            run=edgerig.RunSettings(repeats=2, min_seconds=0.2, attempts=1),
            budget=edgerig.SweepBudget(accuracy_drop=0.02),
            out=out,
        )
    )
    print(f"{len(plan.cells)} cells: {', '.join(cell.id for cell in plan.cells)}")
    if earlier is not None:
        edgerig.read(earlier)  # whatever is wrong with it is told before minutes are spent

    run = edgerig.sweep(plan, observer=Printing())
    print(f"report: {run.path / 'index.html'}")

    decisions = edgerig.decide(run.results)
    for decision in decisions:
        pick = "nothing" if decision.pick is None else decision.pick.id
        print(f"ship {pick} ({decision.state}): {decision.why}")
    if earlier is None:
        return 0 if all(decision.pick for decision in decisions) else 1
    return against(earlier, run.path)


def against(earlier: Path, new: Path) -> int:
    for cell in edgerig.compare(earlier, new).cells:
        print(f"{cell.id}: {cell.label}")
    limits = {"cells": [{"match": "*", "limit": {"size_bytes": 1_000_000}}]}
    gated = edgerig.gate(new, baseline=earlier, budget=edgerig.Budget.model_validate(limits))
    for check in gated.result.of("fail"):
        print(f"failed: {check.cell}: {check.name}: {check.message}")
    print(f"gate: {gated.result.outcome}")
    return 0 if gated.passed else 1


class Printing(edgerig.Observer):
    def progressed(self, step: edgerig.Progress) -> None:
        if step.status:
            print(f"{step.status}: {step.stage} {step.subject}", file=sys.stderr)


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:]]
    try:
        sys.exit(main(folders[0], folders[1] if len(folders) > 1 else None))
    except edgerig.EdgerigError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        sys.exit(2)
