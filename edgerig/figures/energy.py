"""What one inference takes from the device's supply, by the device's own sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgerig.figures.field import real, text, whole
from edgerig.figures.figure import Change, Figure, Limit, Trend, within

if TYPE_CHECKING:
    from edgerig.results import CellResult


def _least(cell: CellResult) -> float | None:
    return None if cell.energy.interval_millijoules is None else cell.energy.interval_millijoules[0]


def _most(cell: CellResult) -> float | None:
    return None if cell.energy.interval_millijoules is None else cell.energy.interval_millijoules[1]


ENERGY = Figure(
    key="energy",
    name="energy",
    unit="mJ",
    value=lambda c: c.energy.millijoules,
    reason=lambda c: c.energy.reason,
    field="energy_mj",
    fields=(
        real("energy_mj", lambda c: c.energy.millijoules, shown=True),
        real("energy_gross_mj", lambda c: c.energy.gross_millijoules),
        real("energy_idle_watts", lambda c: c.energy.idle_watts),
        real("energy_seconds", lambda c: c.energy.seconds),
        real("energy_interval_seconds", lambda c: c.energy.interval_seconds),
        whole("energy_inferences", lambda c: c.energy.inferences),
        text("energy_sensor", lambda c: c.energy.sensor or None),
        text("energy_reason", lambda c: c.energy.reason),
    ),
    shown="sometimes",
    scale=("mJ", 1),
    certainty=within(_least, _most),
    change=Change(
        minimum=0.10,
        unit="mJ",
        on_processor=True,
        note="the device's own sensor, less the idle device; the interval is Student's t over a run's processes.",
    ),
    limit=Limit("energy_mj", "positive", "with more than {} per inference", "{} per inference", on="real"),
    trend=Trend("energy", exact=False, minimum=0.10, belongs="processor", without="untimed"),
    notes=(
        (
            "Energy",
            "of one inference, by the device's own sensor, less what the idle device takes in the same time: all that "
            "the sensor covers, whichever part of the device that is. Only cells of one device compare.",
        ),
    ),
)
