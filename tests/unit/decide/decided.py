"""A decision over cells of the made-up run, some of them changed."""

from __future__ import annotations

from collections.abc import Sequence

from unit.made_results import changed

from edgerig.decide.decision import Decision, compared, decide
from edgerig.results import (
    CellResult,
    Results,
    Verdict,
    VerdictEvidence,
    wording,
)
from edgerig.spec import SweepBudget

DEFAULT = SweepBudget()


def decided(results: Results, cells: Sequence[CellResult], budget: SweepBudget = DEFAULT) -> Decision:
    ((own, held_to),) = compared(results.model_copy(update={"cells": tuple(cells)}))
    return decide(own, budget, held_to)


def variant(cell: CellResult | None) -> str:
    assert cell is not None
    return wording.variant(cell)


def limited(**limits: float) -> SweepBudget:
    """Limits of figures: each row of those brings its own key."""
    return SweepBudget.model_validate(limits)


def timed(
    cell: CellResult,
    p50_ms: float,
    interval: tuple[float, float] | None = None,
    label: str = "stable",
    half_width: float | None = 0.01,
    **fields: object,
) -> CellResult:
    assert cell.latency is not None
    evidence = VerdictEvidence(median_ci95_ms=interval, relative_half_width=half_width)
    verdict = Verdict(label=label, evidence=evidence, advice="the median is known to ±9 % only")
    return changed(cell, latency=cell.latency.model_copy(update={"p50_ms": p50_ms}), verdict=verdict, **fields)
