"""How far the outputs are from the source model's, from its classes, and from the fp32 variant's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgerig.figures.column import Column
from edgerig.figures.field import Field, real, text
from edgerig.figures.figure import Change, Figure, Limit, share_of
from edgerig.figures.numbers import percent, significant

if TYPE_CHECKING:
    from edgerig.results import CellResult

NO_AGREEMENT = "no output has classes or indices to agree on"
"""Why a parity that has no reason of its own has no agreement."""


def worst_output(cell: CellResult) -> str:
    """`output "scores"` where the model has several, else ""."""
    parity = cell.parity
    return f'output "{parity.worst}"' if parity.worst and len(parity.outputs) > 1 else ""


def _error(cell: CellResult) -> str:
    """With the worst output's name where there are several."""
    error = significant(cell.parity.relative_error)
    return f"{error} ({cell.parity.worst})" if worst_output(cell) and cell.parity.relative_error else error


def _worst(cell: CellResult) -> str:
    return f"{found}, the worst" if (found := worst_output(cell)) else ""


PARITY = Figure(
    key="parity",
    name="relative error",
    unit="",
    value=lambda c: c.parity.relative_error,
    reason=lambda c: c.parity.reason,
    field="relative_error",
    fields=(
        real("relative_error", lambda c: c.parity.relative_error, shown=True),
        real("max_abs_error", lambda c: c.parity.max_abs_error),
        text("worst_output", lambda c: c.parity.worst, shown=True),
    ),
    group="quality",
    shown="usual",
    columns=(
        Column(
            "parity",
            "relative error",
            _error,
            lambda c: c.parity.relative_error,
            numeric=True,
            reason=lambda c: c.parity.reason,
            heat="ratio",
            hover=True,
            label="relative error",
        ),
    ),
    change=Change(minimum=0.002, relative=False, unit="relative error"),
    limit=Limit("relative_error", "positive", "with a relative error above {}", "a relative error of {}"),
    remark=_worst,
    notes=(
        (
            "Relative error",
            "‖built − source‖ / ‖source‖ over the samples, of each output by itself: it shows the damage quantization "
            "does before accuracy moves. Of several outputs the one furthest off is shown and named; where some "
            "channels' scale is far below the whole's (weak channels), theirs counts.",
        ),
    ),
)

AGREEMENT = Figure(
    key="agreement",
    name="agreement with float",
    unit="",
    value=lambda c: c.parity.agreement,
    reason=lambda c: c.parity.reason or NO_AGREEMENT,
    field="agreement",
    fields=(
        real("agreement", lambda c: c.parity.agreement, shown=True),
        Field("parity_samples", "int", lambda c: c.parity.samples),
        text("parity_reason", lambda c: c.parity.reason),
    ),
    group="quality",
    better="higher",
    shown="sometimes",
    headline=True,
    written=percent,
    heat="difference",
    telling=lambda cells: any(cell.accuracy.value is None for cell in cells if cell.status == "ok"),
    certainty=share_of(lambda c: c.parity.samples),
    limit=Limit("agreement", "share", "agreeing with the float network in less than {}"),
    notes=(
        (
            "Agreement with float",
            "the share of samples with the source model's top class; of an output of indices, of equal elements. Of "
            "several outputs the least.",
        ),
    ),
)

DISAGREEMENT = Figure(
    key="disagreement",
    name="disagreement with fp32",
    unit="",
    value=lambda c: c.parity.disagreement,
    reason=lambda c: c.parity.disagreement_reason,
    field="disagreement",
    fields=(
        real("disagreement", lambda c: c.parity.disagreement),
        text("disagreement_reason", lambda c: c.parity.disagreement_reason),
    ),
    group="quality",
)
