"""The device's state around each cell, as the page draws it: before, at its worst during, after. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgerig.results import CellResult, Reading


@dataclass(frozen=True)
class Plotted:
    """`worst` chooses among the readings during a cell."""

    title: str
    get: Callable[[Reading], float | None]
    worst: Callable[[Sequence[float]], float]


PLOTTED = {
    "temperature_c": Plotted("temperature (°C)", lambda reading: reading.temperature_c, max),
    "frequency_khz": Plotted(
        "frequency (GHz)", lambda reading: None if reading.frequency_khz is None else reading.frequency_khz / 1e6, min
    ),
    "load1": Plotted("load (1 min)", lambda reading: reading.load1, max),
}


def states(cells: Sequence[CellResult]) -> dict[str, Any]:
    """Of each of `PLOTTED` its title, and of each cell three values or None; `reasons` why a cell's are missing.

    `throttled` is what a cell's readings say of throttling, "" for nothing.
    """
    return {
        "figures": [{"title": one.title, "values": [_values(cell, one) for cell in cells]} for one in PLOTTED.values()],
        "throttled": [_throttled(cell) for cell in cells],
        "reasons": [_reasons(cell) for cell in cells],
    }


def _values(cell: CellResult, one: Plotted) -> list[float | None] | None:
    state = cell.state
    during = [value for reading in state.during if (value := one.get(reading)) is not None]
    found = [
        None if state.before is None else one.get(state.before),
        one.worst(during) if during else None,
        None if state.after is None else one.get(state.after),
    ]
    return None if all(value is None for value in found) else [_short(value) for value in found]


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _readings(cell: CellResult) -> list[Reading]:
    state = cell.state
    return [reading for reading in (state.before, *state.during, state.after) if reading is not None]


def _throttled(cell: CellResult) -> str:
    flags = {flag: None for reading in _readings(cell) for flag in reading.throttled or ()}
    thermal = [r.thermal_status for r in _readings(cell) if r.thermal_status not in (None, "none")]
    return ", ".join([*flags, *(f"thermal status {status}" for status in dict.fromkeys(thermal))])


def _reasons(cell: CellResult) -> str:
    reasons = {name: reason for name, reason in cell.state.reasons.items() if name in (*PLOTTED, "during")}
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
