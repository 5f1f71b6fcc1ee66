"""How far the evaluation data reaches beyond what the calibration has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgerig.figures.field import real, text
from edgerig.figures.figure import Figure
from edgerig.figures.numbers import percent

if TYPE_CHECKING:
    from edgerig.results import CellResult


def _warning(cell: CellResult) -> str:
    if not cell.coverage.outside:
        return ""
    return (
        f"{percent(cell.coverage.outside)} of the evaluation samples have values, of an input or an output, beyond the "
        "range of the calibration data, where the file clips them: calibrate with data like theirs"
    )


COVERAGE = Figure(
    key="outside",
    name="outside calibration",
    unit="",
    value=lambda c: c.coverage.outside,
    reason=lambda c: c.coverage.reason or "nothing was calibrated",
    field="outside_calibration",
    fields=(
        real("outside_calibration", lambda c: c.coverage.outside, shown=True),
        text("outside_calibration_reason", lambda c: c.coverage.reason),
    ),
    group="quality",
    shown="sometimes",
    written=percent,
    heat="",
    telling=lambda cells: any(cell.coverage.outside for cell in cells),
    warning=_warning,
    notes=(
        (
            "Outside calibration",
            "the share of evaluation samples with values beyond the range the calibration data has, by more than a "
            "tenth of it: what a quantized file does to them is not the recipe's fault.",
        ),
    ),
)
